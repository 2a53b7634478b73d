import Foundation
import Testing

@testable import KeyVault

struct EscrowFileTests {
    private let path = FileManager.default.temporaryDirectory.appending(path: "escrow-\(UUID().uuidString)").path
    private let kek: KeyEncryptionKey
    private let deployment = UUID()

    init() throws {
        kek = try KeyEncryptionKey(.randomKey())
    }

    private func line(_ version: Int = 1) throws -> EscrowLine {
        let name = SecretName(.clientKey, of: UUID(), version: version)
        let secret = SecretBytes.randomKey()
        return EscrowLine(
            SealedSecret(
                name: name,
                fingerprint: Fingerprint(of: secret, under: secret),
                sealed: try kek.seal(secret, boundTo: name.boundData(in: deployment))
            ),
            in: deployment
        )
    }

    /// All but the time, which a line holds to the second.
    private func same(_ one: EscrowLine?, _ other: EscrowLine) -> Bool {
        one?.name == other.name && one?.sealed == other.sealed && one?.fingerprint == other.fingerprint
            && one?.deployment == other.deployment
    }

    @Test func `lines come back as they were appended, and the file is its owner's alone`() async throws {
        defer { unlink(path) }
        let file = EscrowFile(path: path)
        let first = try line()
        let more = try [line(2), line(3)]
        try await file.append([first])
        try await file.append(more)
        try await file.append([])
        let read = try await lines(of: path)
        #expect(read.map(\.number) == [1, 2, 3])
        #expect(zip(read, [first] + more).allSatisfy { same($0.line, $1) })
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        let text = try String(contentsOfFile: path, encoding: .utf8)
        #expect(text.hasSuffix("\n") && text.split(separator: "\n").count == 3)
    }

    @Test func `a torn last line is found, and the next append is whole all the same`() async throws {
        defer { unlink(path) }
        let file = EscrowFile(path: path)
        try await file.append([line()])
        let torn = try line(2).encoded()
        let handle = try #require(FileHandle(forWritingAtPath: path))
        try handle.seekToEnd()
        try handle.write(contentsOf: torn.prefix(torn.count / 2))
        try handle.close()

        let reader = try await EscrowReader.open(path)
        #expect(try await reader.next().count == 1)
        #expect(try await reader.next().map { $0.line == nil } == [true])
        #expect(await reader.isTorn)

        let after = try line(3)
        try await file.append([after])
        let read = try await lines(of: path)
        #expect(read.map { $0.line == nil } == [false, true, false])
        #expect(same(read.last?.line, after))
    }

    @Test func `a last line that lacks only its line feed counts`() async throws {
        defer { unlink(path) }
        let whole = try line()
        try whole.encoded().dropLast().write(to: URL(filePath: path))
        #expect(same(try await lines(of: path).first?.line, whole))
        try await EscrowFile(path: path).append([line(2)])
        #expect(try await lines(of: path).map { $0.line != nil } == [true, true])
    }

    @Test func `many writers lose and mix nothing`() async throws {
        defer { unlink(path) }
        // Each has an open file of its own, which is all that one process is to another here.
        try await withThrowingTaskGroup { group in
            for writer in 0..<8 {
                group.addTask {
                    let file = EscrowFile(path: path)
                    for number in 1...25 { try await file.append([line(writer * 100 + number)]) }
                }
            }
            try await group.waitForAll()
        }
        let versions = try await lines(of: path).map { try #require($0.line).name.version }
        #expect(versions.count == 200 && Set(versions).count == 200)
    }

    @Test func `a lock that another process keeps is an error in the end`() async throws {
        defer { unlink(path) }
        let holder = open(path, O_RDWR | O_CREAT, 0o600)
        defer { close(holder) }
        try #require(flock(holder, LOCK_EX) == 0)
        let file = EscrowFile(path: path, patience: .milliseconds(50))
        let error = await #expect(throws: VaultError.self) { try await file.append([line()]) }
        #expect(error?.description.contains("another process") == true)
        try #require(flock(holder, LOCK_UN) == 0)
        try await file.append([line()])
        #expect(try await lines(of: path).count == 1)
    }

    @Test(arguments: ["/nonexistent/escrow", "/", "/dev/full"]) func `a key that cannot be escrowed is an error`(
        path: String
    ) async throws {
        let error = await #expect(throws: VaultError.self) { try await EscrowFile(path: path).append([line()]) }
        #expect(error?.description.contains("no key was sent") == true)
    }

    @Test func `a file that is longer than one piece is read to its end`() async throws {
        defer { unlink(path) }
        let file = EscrowFile(path: path)
        let all = try (1...3000).map(line)
        try await file.append(all)
        #expect(try await lines(of: path).map(\.line?.name) == all.map(\.name))
        let size = try #require(try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int)
        #expect(size > 2 * 262_144)
    }

    @Test func `what is appended while it is read is left out`() async throws {
        defer { unlink(path) }
        let file = EscrowFile(path: path)
        try await file.append([line(1)])
        let reader = try await EscrowReader.open(path)
        try await file.append([line(2)])
        #expect(try await reader.next().count == 1)
        #expect(try await reader.next().isEmpty)
        #expect(await reader.isTorn == false)
    }

    @Test func `a missing file reads as an empty one, and damage as damage`() async throws {
        #expect(try await lines(of: path).isEmpty)
        defer { unlink(path) }
        let good = String(decoding: try line().encoded(), as: UTF8.self)
        let bad = [
            "{}", "not json", good.replacing("kfp_", with: "kfq_"), good.replacing("fpk1:", with: "fpk9:"),
            good.replacing(#""version":1"#, with: #""version":0"#),
        ]
        try Data(bad.map { $0.trimmingCharacters(in: .newlines) + "\n\n" }.joined().utf8).write(to: URL(filePath: path))
        let read = try await lines(of: path)
        #expect(read.map(\.number) == [1, 3, 5, 7, 9])
        #expect(read.allSatisfy { $0.line == nil })
    }
}
