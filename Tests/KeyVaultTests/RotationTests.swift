import Foundation
import Testing

@testable import KeyVault

/// The steps of a rotation, one story each. Key 1 is live unless the story says otherwise.
struct RotationTests {
    private static let start = Date(timeIntervalSince1970: 1000)
    private static let settled = Date(timeIntervalSince1970: 2000)

    private func rotation(_ candidates: Set<Int> = [1], retained: Set<Int> = [], fresh: Int? = nil) throws -> Rotation {
        try #require(
            Rotation(
                candidates: candidates,
                proven: candidates.count == 1 ? candidates.first : nil,
                retained: retained,
                fresh: fresh
            )
        )
    }

    /// Makes the key that is asked for, calls, and gives the answer.
    private func call(_ rotation: inout Rotation, _ answer: RotationAnswer, newKey: Int? = nil) throws -> [Int] {
        if let newKey {
            try #require(rotation.next(at: Self.settled) == .makeKey)
            rotation.keyReady(newKey)
        }
        guard case .call(let from, let to) = rotation.next(at: Self.settled) else {
            Issue.record("\(rotation.next(at: Self.settled)) instead of a call")
            return []
        }
        rotation.begin(settleUntil: Self.settled)
        rotation.answered(answer)
        return [from, to]
    }

    @Test func `a key is made, sent once, and is then the live one`() throws {
        var rotation = try rotation()
        #expect(try call(&rotation, .rotated, newKey: 2) == [1, 2])
        #expect(rotation.next(at: Self.start) == .ended(.succeeded))
        #expect([1, 2, 3].map { rotation.state(of: $0) } == [.retired, .active, nil])
        #expect(rotation.mayDestroy(1) && !rotation.mayDestroy(2))
    }

    @Test func `a client without any key has nothing to rotate from`() {
        #expect(Rotation(candidates: [], proven: nil, retained: [], fresh: 3) == nil)
    }

    @Test func `a key that an earlier attempt made is used first`() throws {
        let rotation = try rotation(fresh: 2)
        #expect(rotation.next(at: Self.start) == .call(from: 1, to: 2))
    }

    @Test func `from the moment a call is about to be made both keys are candidates, whoever dies then`() throws {
        var rotation = try rotation(fresh: 2)
        rotation.begin(settleUntil: Self.settled)
        #expect(rotation.candidates == [1, 2])
        #expect([1, 2].map { rotation.state(of: $0) } == [.active, .uncertain])
        #expect(rotation.next(at: Self.settled) == .awaitAnswer)
        rotation.answered(.uncertain(.unanswered))
        #expect([1, 2].map { rotation.state(of: $0) } == [.uncertain, .uncertain])
        #expect(rotation.next(at: Self.start) == .wait(until: Self.settled))
        #expect(rotation.next(at: Self.settled) == .call(from: 1, to: 2))
    }

    @Test func `a lost answer is followed by the same pair, until the server says which key is live`() throws {
        var happened = try rotation()
        #expect(try call(&happened, .uncertain(.unanswered), newKey: 2) == [1, 2])
        #expect(try call(&happened, .rotated) == [1, 2])
        #expect(happened.next(at: Self.start) == .ended(.succeeded))

        var before = try rotation()
        _ = try call(&before, .uncertain(.unanswered), newKey: 2)
        #expect(try call(&before, .oldKeyInvalid) == [1, 2])
        // Not a success yet: key 2 is what is left, and is proven by rotating from it.
        #expect(before.candidates == [2] && before.state(of: 2) == .uncertain)
        #expect(try call(&before, .rotated, newKey: 3) == [2, 3])
        #expect(before.next(at: Self.start) == .ended(.succeeded))
        #expect([1, 2, 3].map { before.state(of: $0) } == [.retired, .retired, .active])
    }

    @Test func `where nothing that was believed is live the retained versions are tried, the newest first`() throws {
        var rotation = try rotation([7], retained: [3, 5, 6])
        #expect(try call(&rotation, .oldKeyInvalid, newKey: 8) == [7, 8])
        #expect(rotation.candidates == [3, 5, 6])
        #expect(try call(&rotation, .oldKeyInvalid) == [6, 8])
        #expect(try call(&rotation, .uncertain(.unanswered)) == [5, 8])
        #expect(try call(&rotation, .rotated) == [5, 8])
        #expect(rotation.next(at: Self.start) == .ended(.outOfBand))
        #expect(rotation.candidates == [8] && rotation.retained == [3, 5, 6, 7])
    }

    @Test func `where no key is taken the client is lost, and every key stays a candidate`() throws {
        var rotation = try rotation([2], retained: [1])
        _ = try call(&rotation, .oldKeyInvalid, newKey: 3)
        _ = try call(&rotation, .oldKeyInvalid)
        #expect(rotation.next(at: Self.start) == .ended(.lost))
        #expect(rotation.candidates == [1, 2] && !rotation.mayDestroy(1))
        #expect(rotation.state(of: 3) == .pending, "it was never taken")
        // A key that a person has found is tried before the others.
        rotation.recovered([4], settleUntil: Self.start)
        let resumed = rotation.resume()
        #expect(resumed)
        #expect(try call(&rotation, .rotated) == [4, 3])
    }

    @Test func `a split keeps both keys and waits for a person`() throws {
        var rotation = try rotation()
        _ = try call(&rotation, .split, newKey: 2)
        #expect(rotation.next(at: Self.settled) == .ended(.split))
        #expect(rotation.candidates == [1, 2] && !rotation.mayDestroy(1))
        let resumed = rotation.resume()
        #expect(!resumed)
        rotation.resolve(live: 2)
        #expect(rotation.next(at: Self.start) == .ended(.resolved) && rotation.state(of: 2) == .active)
        #expect(rotation.state(of: 1) == .retired)
    }

    @Test(arguments: [(RotationAnswer.notApplicable, RotationEnd.notApplicable), (.refused, .refused)])
    func `a certain no leaves the live key live and the new one unused`(
        answer: RotationAnswer,
        end: RotationEnd
    ) throws {
        var rotation = try rotation()
        _ = try call(&rotation, answer, newKey: 2)
        #expect(rotation.next(at: Self.start) == .ended(end))
        #expect([1, 2].map { rotation.state(of: $0) } == [.active, .pending])
    }

    @Test func `a no to the second call says nothing of the first`() throws {
        for answer in [RotationAnswer.notSent, .refused, .notApplicable] {
            var rotation = try rotation()
            _ = try call(&rotation, .uncertain(.unanswered), newKey: 2)
            _ = try call(&rotation, answer)
            #expect(rotation.candidates == [1, 2], "\(answer)")
            #expect(rotation.end != .refused && !rotation.mayDestroy(1))
        }
    }

    @Test func `an answer that nobody understands is never old key invalid, and is tried 5 times at most`() throws {
        var rotation = try rotation()
        _ = try call(&rotation, .uncertain(.unrecognised), newKey: 2)
        for _ in 0..<4 {
            #expect(rotation.next(at: Self.settled) == .call(from: 1, to: 2))
            _ = try call(&rotation, .uncertain(.unrecognised))
        }
        #expect(rotation.next(at: Self.settled) == .ended(.needsReview))
        #expect(rotation.candidates == [1, 2])
        let resumed = rotation.resume()
        #expect(resumed)
        #expect(rotation.next(at: Self.settled) == .call(from: 1, to: 2))
    }

    @Test func `a server that never answers is given up after 20 calls`() throws {
        var rotation = try rotation()
        _ = try call(&rotation, .uncertain(.unanswered), newKey: 2)
        for _ in 0..<19 { _ = try call(&rotation, .uncertain(.unanswered)) }
        #expect(rotation.next(at: Self.settled) == .ended(.needsReview))
    }

    @Test func `an attempt makes 5 keys at most`() throws {
        var rotation = try rotation()
        for key in 2...6 {
            _ = try call(&rotation, .uncertain(.unanswered), newKey: key)
            _ = try call(&rotation, .oldKeyInvalid)
        }
        #expect(rotation.next(at: Self.settled) == .ended(.needsReview))
        #expect(rotation.candidates == [6])
    }

    @Test func `a call that was turned away unread is made again with the same keys`() throws {
        var rotation = try rotation()
        _ = try call(&rotation, .notSent, newKey: 2)
        #expect([1, 2].map { rotation.state(of: $0) } == [.active, .pending])
        #expect(rotation.next(at: Self.start) == .call(from: 1, to: 2))
    }

    @Test func `keys that only the escrow file has may be live, or become it while a call is on its way`() throws {
        var rotation = try rotation(retained: [0], fresh: 2)
        rotation.recovered([2, 3], settleUntil: Self.settled)
        #expect(rotation.candidates == [1, 2, 3] && rotation.proven == nil)
        #expect(rotation.next(at: Self.start) == .wait(until: Self.settled))
        #expect(try call(&rotation, .oldKeyInvalid, newKey: 4) == [3, 4])
        #expect(try call(&rotation, .rotated) == [2, 4])
        #expect(rotation.next(at: Self.start) == .ended(.succeeded))
    }
}
