import Foundation
import struct Sandbox.SplitMix64

@testable import KeyVault

/// The program that rotates, as the job will do it.
extension RotationWorld {
    /// One life of a deployment: steps and accidents, then quiet, in which the client must become rotatable again.
    mutating func run(steps: Int) throws {
        for _ in 0..<steps {
            passTime(to: now + Int(random.next() % 4))
            if chance(12) { try accident() } else { try step() }
            try check()
        }
        try recover()
    }

    /// Once nothing fails any more a rotation succeeds, whatever has happened before.
    private mutating func recover() throws {
        hasSecrets = true
        passTime(to: now + Self.settle)
        try calmSplit()
        for _ in 0..<200 {
            let isDone = try step(isCalm: true)
            try check()
            if isDone { return }
        }
        try hold(false, "the client cannot be rotated any more: \(table.rotation)")
    }

    private mutating func calmSplit() throws {
        if live[0] != live[1] { try person(.split) }
    }

    /// - Returns: whether a rotation has just succeeded.
    @discardableResult
    private mutating func step(isCalm: Bool = false) throws -> Bool {
        var rotation = memory ?? table.rotation
        if memory == nil, rotation.isCalling {
            // Whoever made the call is gone.
            rotation.answered(.uncertain(.unanswered))
            store(rotation)
            return false
        }
        memory = rotation
        switch rotation.next(at: date(now)) {
        case .wait(let until): passTime(to: isCalm || chance(60) ? Int(until.timeIntervalSince1970) : now + 1)
        case .makeKey: makeKey(isCalm)
        case .call(let from, let to): return try call(from, to, isCalm)
        case .awaitAnswer: try hold(false, "a running program waits for itself")
        case .ended(let end): try ended(end)
        }
        return false
    }

    private mutating func makeKey(_ isCalm: Bool) {
        guard var rotation = memory else { return }
        let version = (table.versions.union(escrow).max() ?? 0) + 1
        note("key \(version)")
        // A key that was committed and not escrowed is finished by the next life; here it is a number that is never used.
        table.versions.insert(version)
        if !isCalm, crash(10) { return }
        escrow.insert(version)
        if !isCalm, crash(10) { return }
        rotation.keyReady(version)
        store(rotation)
    }

    private mutating func call(_ from: Int, _ to: Int, _ isCalm: Bool) throws -> Bool {
        guard var rotation = memory else { return false }
        if let doubted, rotation.candidates.contains(doubted[0]), rotation.end == nil {
            try hold([from, to] == doubted, "\(doubted) is in doubt, and \(from) -> \(to) is called")
        }
        if !isCalm, crash(3) { return false }
        rotation.begin(settleUntil: date(now + Self.settle))
        store(rotation)
        if !isCalm, crash(5) { return false }
        let answer: RotationAnswer?
        if isCalm {
            answer = live == [from, from] ? .rotated : .oldKeyInvalid
            if answer == .rotated { live = [to, to] }
        } else {
            answer = serve(from: from, to: to)
        }
        note("\(from) -> \(to): \(answer.map { "\($0)" } ?? "died"); live \(live)")
        guard let answer else {
            memory = nil
            return false
        }
        if !isCalm, crash(5) { return false }
        rotation.answered(answer)
        store(rotation)
        if answer == .split { isEstranged = false }
        if rotation.end == .lost {
            try hold(isEstranged, "lost, and nothing has happened to the server")
            try hold(rotation.candidates.isSuperset(of: live), "lost, without \(live) among the candidates")
        }
        if case .uncertain = answer { doubted = [from, to] } else { doubted = nil }
        guard rotation.end == .succeeded || rotation.end == .outOfBand else { return false }
        try hold(live == [to, to] && rotation.proven == to, "\(to) was proven and \(live) is live")
        isEstranged = false
        return true
    }

    private mutating func ended(_ end: RotationEnd) throws {
        guard let rotation = memory else { return }
        endings[end, default: 0] += 1
        doubted = nil
        note("ended: \(end.rawValue)")
        if end.needsPerson { return try person(end) }
        guard
            let next = Rotation(
                candidates: rotation.candidates,
                proven: rotation.proven,
                retained: rotation.retained,
                fresh: rotation.fresh,
                settleUntil: rotation.settleUntil
            )
        else { return try hold(false, "a client without a key") }
        store(next)
    }

    /// A person sets every secret with one known key where they are split, and asks to go on elsewhere.
    private mutating func person(_ end: RotationEnd) throws {
        var rotation = memory ?? table.rotation
        if rotation.isCalling { rotation.answered(.uncertain(.unanswered)) }
        if end == .split || live[0] != live[1] {
            guard let key = rotation.candidates.max() else { return try hold(false, "split with no key") }
            live = [key, key]
            late = []
            rotation.resolve(live: key)
            isEstranged = false
        } else {
            try hold(rotation.resume(), "cannot go on after \(end.rawValue)")
        }
        store(rotation)
    }

    private mutating func store(_ rotation: Rotation) {
        memory = rotation
        table.rotation = rotation
    }
}
