import Foundation
import Testing

@testable import KeyVault

struct KeySourceTests {
    private static let key = Data(0..<32)
    private static let other = Data(32..<64)

    private func withFile<T>(_ contents: Data, mode: Int = 0o400, _ body: (String) async throws -> T) async throws -> T
    {
        let path = FileManager.default.temporaryDirectory.appending(path: "kek-\(UUID().uuidString)").path
        try contents.write(to: URL(filePath: path))
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
        defer { unlink(path) }
        return try await body(path)
    }

    private func ring(_ contents: Data, mode: Int = 0o400) async throws -> KeyRing {
        try await withFile(contents, mode: mode) { try await KeySource.file($0).load() }
    }

    @Test func `a file of 32 raw bytes or of base64 lines is read, the first key is the current one`() async throws {
        let expected = try KeyEncryptionKey(SecretBytes(Self.key)).id
        #expect(try await ring(Self.key).current.id == expected)
        #expect(try await ring(Data((Self.key.base64EncodedString() + "\n").utf8)).current.id == expected)
        let two =
            "# 2026\r\n  \(Self.key.base64EncodedString())  \r\n\n# until the rewrap\n\(Self.other.base64EncodedString())"
        let ring = try await ring(Data(two.utf8))
        #expect(ring.current.id == expected)
        #expect(ring.ids == [expected, try KeyEncryptionKey(SecretBytes(Self.other)).id])
    }

    @Test(arguments: [
        (Data(), "empty"), (Data(repeating: 7, count: 31), "base64"), (Data(repeating: 7, count: 32), "the same"),
        (Data("\n# nothing\n".utf8), "no key"), (Data(count: 70_000), "65536"),
        (Data("x\n".utf8), "line 1"), (Data((Data(0..<31).base64EncodedString() + "\n").utf8), "31 bytes"),
        (Data((Data(0..<33).base64EncodedString() + "\n").utf8), "33 bytes"),
        (Data((Data(repeating: 0, count: 32).base64EncodedString() + "\n").utf8), "the same"),
        (Data((Data(0..<32).base64EncodedString() + "\n" + Data(0..<32).base64EncodedString()).utf8), "twice"),
    ]) func `what is no key is refused, with a reason and without its text`(contents: Data, reason: String) async throws
    {
        let error = await #expect(throws: VaultError.self) { _ = try await ring(contents) }
        let text = try #require(error?.description)
        #expect(text.contains(reason), "\(text)")
        #expect(!text.contains("AAECAwQF"))
    }

    @Test(arguments: [0o400, 0o600, 0o440, 0o640]) func `its owner and its group may read a KEK file`(mode: Int)
        async throws
    {
        #expect(try await ring(Self.key, mode: mode).ids.count == 1)
    }

    @Test(arguments: [0o404, 0o444, 0o644, 0o460, 0o450, 0o402, 0o401])
    func `a KEK file that others can reach is refused`(
        mode: Int
    ) async throws {
        let error = await #expect(throws: VaultError.self) { _ = try await ring(Self.key, mode: mode) }
        #expect(error?.description.contains("chmod 0400") == true)
    }

    @Test(.enabled(if: geteuid() == 0, "only root can give a file away")) func `a KEK file of another user is refused`()
        async throws
    {
        try await withFile(Self.key) { path in
            try #require(chown(path, 4711, 0) == 0)
            let error = await #expect(throws: VaultError.self) { _ = try await KeySource.file(path).load() }
            #expect(error?.description.contains("4711") == true)
        }
    }

    @Test func `a folder, a missing file and a pipe are refused`() async throws {
        for path in ["/", "/nonexistent/kek"] {
            await #expect(throws: VaultError.self) { _ = try await KeySource.file(path).load() }
        }
        let pipe = FileManager.default.temporaryDirectory.appending(path: "kek-\(UUID().uuidString)").path
        try #require(mkfifo(pipe, 0o400) == 0)
        defer { unlink(pipe) }
        await #expect(throws: VaultError.self) { _ = try await KeySource.file(pipe).load() }
    }

    @Test func `a command prints the same as a file`() async throws {
        let ring = try await KeySource.command("echo \(Self.key.base64EncodedString())").load()
        #expect(ring.current.id == (try KeyEncryptionKey(SecretBytes(Self.key)).id))
    }

    @Test(arguments: [
        ("exit 3", "status 3"), ("true", "printed nothing"), ("head -c 70000 /dev/zero", "64 KiB"),
        ("exec /nonexistent", "status"),
    ]) func `a command that gives no key is refused`(command: String, reason: String) async throws {
        let error = await #expect(throws: VaultError.self) { _ = try await KeySource.command(command).load() }
        #expect(error?.description.contains(reason) == true, "\(String(describing: error))")
    }

    @Test(arguments: ["sleep 1000", "exec >&-; sleep 1000", "sleep 1000 & wait"])
    func `a command that does not end is killed with all it started`(
        command: String
    ) throws {
        // The shell's process id, for the kernel to be asked about it afterwards.
        let note = FileManager.default.temporaryDirectory.appending(path: "pid-\(UUID().uuidString)").path
        defer { unlink(note) }
        let start = ContinuousClock.now
        #expect(throws: VaultError.self) {
            _ = try KeyCommand.output(of: "echo $$ > \(note); \(command)", within: .milliseconds(300))
        }
        #expect(start.duration(to: .now) < .seconds(60))
        let text = try String(contentsOfFile: note, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
        let group = try #require(pid_t(text))
        // Gone or about to be: nothing in the group runs for the 1000 s that it was asked to.
        let deadline = ContinuousClock.now + .seconds(20)
        while kill(-group, 0) == 0, ContinuousClock.now < deadline { usleep(5000) }
        #expect(kill(-group, 0) != 0)
    }
}
