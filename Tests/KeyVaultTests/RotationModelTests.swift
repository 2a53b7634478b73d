import Foundation
import Testing

@testable import KeyVault

/// The rotation rules against a small model of the server, with every accident that we could think of.
struct RotationModelTests {
    /// Interleavings a chunk: the chunks run side by side.
    private static let chunk: UInt64 = 25_000

    /// To see one run again: put its seed here, and look at what it prints.
    @Test(arguments: 0..<4 as Range<UInt64>)
    func `the live key is always a candidate, and every candidate can be opened`(part: UInt64) throws {
        var endings: [RotationEnd: Int] = [:]
        var accidents: Set<String> = []
        for seed in part * Self.chunk..<(part + 1) * Self.chunk {
            var world = try RotationWorld(seed: seed)
            do {
                try world.run(steps: 24)
            } catch {
                try replay(seed)
                throw error
            }
            endings.merge(world.endings) { $0 + $1 }
            accidents.formUnion(world.accidents)
        }
        // A model in which nothing happens proves nothing.
        for end in [RotationEnd.succeeded, .outOfBand, .refused, .notApplicable, .split, .needsReview, .lost] {
            #expect(endings[end, default: 0] > 20, "\(end) was hardly ever reached: \(endings)")
        }
        #expect(accidents == ["late", "split", "server restored", "database restored"])
    }

    /// The same run with its history.
    private func replay(_ seed: UInt64) throws {
        var world = try RotationWorld(seed: seed, history: RotationWorld.History())
        try world.run(steps: 24)
    }
}
