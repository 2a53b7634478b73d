import FactPulse
import Foundation
import KeyVault
import Postgres
import Sandbox
import TestSupport
import Testing

@testable import Jobs

/// What the API's documentation leaves open, each in every reading of it.
@Suite(.database)
struct RotationVariantTests {
    private static let rotation = SandboxOperation.rotateEncryptionKey.rawValue
    /// An answer that is lost after the effect: then the server says that the old key is wrong, and must be understood.
    private static let lostAnswer = FaultRule(.statusAfter, on: rotation) { $0.to = 1 }

    @Test(arguments: SandboxOptions.WrongOldKey.allCases, [false, true])
    func `a lost answer is settled however the server words a wrong old key`(
        _ wording: SandboxOptions.WrongOldKey,
        namesErrors: Bool
    ) async throws {
        var options = SandboxOptions()
        (options.wrongOldKey, options.wrongOldKeyNamesErrors) = (wording, namesErrors)
        try await KeyFixture.with(faults: [Self.lostAnswer], options: options) { keys in
            let client = try await keys.makeClient()
            try await keys.rotate([client])
            #expect(try await keys.attempts(of: client) == ["succeeded"])
            #expect(try await keys.live(of: client) == [3])
            #expect(try await keys.isRight(client))
        }
    }

    @Test(arguments: ErrorShape.allCases)
    func `in whatever shape a wrong old key comes, no key is believed dead that may be live`(_ shape: ErrorShape)
        async throws
    {
        var options = SandboxOptions()
        options.wrongOldKeyShape = shape
        try await KeyFixture.with(faults: [Self.lostAnswer], options: options) { keys in
            let client = try await keys.makeClient()
            try await keys.rotate([client])
            try await keys.expectKept(client, ["succeeded", "needs_review"])
        }
    }

    @Test(arguments: ["Requête refusée", "The key pair is not acceptable"])
    func `a refusal in unknown words is never read as an old key that is dead`(_ text: String) async throws {
        var options = SandboxOptions()
        options.wrongOldKeyText = text
        // Its code would tell.
        options.wrongOldKeyShape = .A
        try await KeyFixture.with(faults: [Self.lostAnswer], options: options) { keys in
            let client = try await keys.makeClient()
            try await keys.rotate([client])
            #expect(try await keys.attempts(of: client) == ["needs_review"])
            #expect(try await keys.states(of: client) == ["uncertain", "uncertain"])
            #expect(try await keys.jobs().last?.error?.contains("keys status") == true)
        }
    }

    @Test(arguments: [SandboxOptions.SameKey.accepted, .badRequest, .unprocessable])
    func `whether a key may replace itself makes no difference`(_ sameKey: SandboxOptions.SameKey) async throws {
        var options = SandboxOptions()
        options.sameKey = sameKey
        try await KeyFixture.with(faults: [Self.lostAnswer], options: options) { keys in
            let client = try await keys.makeClient()
            try await keys.rotate([client])
            try await keys.expectKept(client, ["succeeded"])
        }
    }

    @Test(arguments: [nil, false, true] as [Bool?], [false, true])
    func `secrets under two keys end loudly with both kept, and a person says how to go on`(
        _ partialSuccess: Bool?,
        losesAnswer: Bool
    ) async throws {
        var options = SandboxOptions()
        options.partialRotation = partialSuccess == nil ? .aborts : .splits
        options.partialSuccess = partialSuccess ?? false
        try await KeyFixture.with(faults: losesAnswer ? [Self.lostAnswer] : [], options: options) { keys in
            let client = try await keys.makeClient()
            let foreign = SecretBytes.randomKey().withBytes { Data($0).base64EncodedString() }
            #expect(try await keys.server.world.addChorusSecret("chorus", key: foreign, of: client))
            try await keys.rotate([client])
            try await keys.expectKept(client, partialSuccess == nil ? ["lost"] : ["split"])
            let error = try #require(try await keys.jobs().last?.error)
            for words in [client.lowercased, "are kept", "keys resolve", "bulk configure-pdp"] {
                #expect(error.contains(words), "\(error)")
            }
            // Nothing happens by itself any more.
            let calls = try await keys.calls()
            try await keys.rotate([client])
            #expect(try await keys.calls() == calls)

            // The secret that is under a strange key is set anew, under the key that opens the other one.
            let live = try #require(try await keys.live(of: client).first)
            let stored = try #require(try await keys.keys(of: client).first { $0.name.version == live })
            let key = try await keys.vault.open(#require(stored.sealed), as: stored.name)
            let resolved = try await keys.vault.resolve(client, live: live, actor: "test", reason: "set anew")
            #expect(resolved == .done)
            let base64 = key.withBytes { Data($0).base64EncodedString() }
            #expect(try await keys.server.world.rekey(client, from: foreign, to: base64) == 1)
            try await keys.rotate([client])
            #expect(try await keys.isRight(client))
            #expect(try await keys.attempts(of: client).suffix(2) == ["resolved", "succeeded"])
        }
    }

    @Test func `a person decides only where one is asked, and for a version that is here`() async throws {
        try await KeyFixture.with { keys in
            let client = try await keys.makeClient()
            let early = try await keys.vault.resolve(client, live: 1, actor: "test", reason: "x")
            #expect(early == .nothingToResolve)
            try await keys.configure(client, mode: .double, key: .randomKey())
            try await keys.rotate([client])
            #expect(try await keys.attempts(of: client) == ["lost"])
            let unknown = try await keys.vault.resolve(client, live: 9, actor: "test", reason: "x")
            #expect(unknown == .unknownVersion(known: [1, 2]))
        }
    }
}

extension KeyFixture {
    /// The rotation ended as one of `ends`, and the key that opens the secret is one that the table holds possible.
    func expectKept(_ client: UUID, _ ends: [String], sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let end = try await attempts(of: client).last ?? ""
        #expect(ends.contains(end), "\(end)", sourceLocation: sourceLocation)
        let possible = try await keys(of: client).filter { [.active, .uncertain].contains($0.state) }
        let live = try await live(of: client)
        #expect(!live.isEmpty && Set(live).isSubset(of: possible.map(\.name.version)), sourceLocation: sourceLocation)
    }
}
