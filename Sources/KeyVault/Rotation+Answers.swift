import Foundation

extension Rotation {
    /// Takes in what the call came to. To be stored before anything else is done.
    package mutating func answered(_ answer: RotationAnswer) {
        guard isCalling, let from, let to else { preconditionFailure("no call is out") }
        isCalling = false
        switch answer {
        case .rotated:
            rotated(to: to)
        case .split:
            proven = nil
            end = .split
        case .oldKeyInvalid:
            withdrawCall(to)
            disprove(from)
        case .notApplicable:
            withdrawCall(to)
            end = .notApplicable
        case .refused:
            withdrawCall(to)
            // Where the live key is in doubt, this no settles nothing.
            end = proven == nil ? .needsReview : .refused
        case .notSent:
            withdrawCall(to)
        case .uncertain(let doubt):
            proven = nil
            doubts += 1
            if doubt == .unrecognised { puzzles += 1 }
            if doubts >= Self.maximumDoubts || puzzles >= Self.maximumPuzzles { end = .needsReview }
        }
    }

    /// R3. The server itself has said that the secrets are under the new key.
    private mutating func rotated(to: Int) {
        retained.formUnion(candidates.subtracting([to]))
        candidates = [to]
        proven = to
        doubts = 0
        settleUntil = nil
        end = isSearching ? .outOfBand : .succeeded
    }

    /// This call did nothing for certain. Its new key leaves C again, unless an earlier call with the same pair was lost.
    private mutating func withdrawCall(_ to: Int) {
        settleUntil = nil
        guard doubts == 0 else { return }
        candidates.remove(to)
        fresh = to
    }

    /// R4. What is left in C is then proven by rotating from it: by elimination alone a change that somebody else made
    /// would be found only at the next rotation, when the keys it needs may be gone.
    private mutating func disprove(_ from: Int) {
        candidates.remove(from)
        retained.insert(from)
        proven = nil
        if candidates.isEmpty, !isSearching { search(without: from) }
        if candidates.isEmpty { lose() }
        if end == nil, fresh == nil, round >= Self.maximumRounds { end = .needsReview }
    }

    /// None of the keys opens all of the secrets. Any may still open some: a call that moved only a part of them, and whose
    /// answer was lost, looks like this.
    private mutating func lose() {
        candidates = retained
        retained = []
        end = .lost
    }

    /// A person asks to go on: after keys were imported or restored, or when the server can be reached again.
    /// - Returns: `false` when nothing can be gone on with: a split is not for the machine.
    package mutating func resume() -> Bool {
        guard end == .lost || end == .needsReview else { return false }
        end = nil
        round = 0
        puzzles = 0
        doubts = min(doubts, 1)
        isSearching = false
        return true
    }

    /// A person says that every secret of the client is under this version: after setting them all with it.
    package mutating func resolve(live version: Int) {
        precondition(!isCalling, "a call is out")
        retained.formUnion(candidates)
        retained.remove(version)
        if fresh == version { fresh = nil }
        candidates = [version]
        proven = version
        doubts = 0
        settleUntil = nil
        end = .resolved
    }

    /// The escrow file has these versions, and the table lacks them or takes them for unused: the table is that of an
    /// earlier moment. Any of them may have become live since, or may yet.
    ///
    /// - Parameter settleUntil: When no call from before can be at work any more.
    package mutating func recovered(_ versions: Set<Int>, settleUntil: Date) {
        guard !versions.isEmpty else { return }
        candidates.formUnion(versions)
        retained.subtract(versions)
        if let fresh, versions.contains(fresh) { self.fresh = nil }
        proven = nil
        self.settleUntil = max(settleUntil, self.settleUntil ?? settleUntil)
    }
}
