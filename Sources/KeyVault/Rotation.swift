import Foundation

/// One attempt to give a client a new key: what is known, and what may be done next. Values alone, no I/O.
///
/// FactPulse forgets the old key as it answers and keeps neither. So the one thing that must never be wrong is C, the
/// versions that may be live: none leaves it but by the server's own word. Whoever drives this stores every
/// change before the next step, and does nothing but what ``next(at:)`` says.
///
/// - R1: a key is sealed, committed and escrowed before it may appear in a request (``keyReady(_:)``).
/// - R2: a call's new key joins C before the call is made, so that a crash at any moment leaves it there.
/// - R3: success without errors makes C that new key alone.
/// - R4: a certain "old key invalid" takes the old key out of C, and no call is made before every earlier one has settled: a
///   call that is still on its way could install a key that was just taken out.
/// - R5: nothing is destroyed while an attempt is open or the live key is in doubt (``mayDestroy(_:)``).
/// - R6: while a call is in doubt the same pair is tried again; only when its old key is out of C may another key be used.
package struct Rotation: Sendable, Hashable {
    /// How many keys an attempt may make, and how many answers that settle nothing one pair may get, before a person is asked.
    package static let maximumRounds = 5
    package static let maximumPuzzles = 5
    package static let maximumDoubts = 20

    /// C.
    package internal(set) var candidates: Set<Int>
    /// The candidate that is known to be live. `nil` while anything is in doubt.
    package internal(set) var proven: Int?
    /// Versions that are kept and held not to be live: only a server that was restored brings one back.
    package internal(set) var retained: Set<Int>
    /// A key that is safe in both places and that no call can have installed.
    package internal(set) var fresh: Int?

    /// The versions of the last call.
    package internal(set) var from: Int?
    package internal(set) var to: Int?
    /// Whether that call may be on its way.
    package internal(set) var isCalling = false
    /// Calls with this pair whose answer settled nothing, and those of them that were answered with what nobody understands.
    package internal(set) var doubts = 0
    package internal(set) var puzzles = 0
    /// Keys that this attempt took.
    package internal(set) var round = 0
    /// Whether the retained versions became candidates, because all others were disproved.
    package internal(set) var isSearching = false
    /// Before this, the server may still carry out a call.
    package internal(set) var settleUntil: Date?
    package internal(set) var end: RotationEnd?

    /// Begins an attempt.
    ///
    /// - Parameters:
    ///   - fresh: An escrowed key that an earlier attempt made and did not use.
    ///   - settleUntil: Where a call of an earlier attempt, or of a database that was restored since, may be on its way.
    /// - Returns: `nil` when the client has no key: there is nothing to rotate from.
    package init?(candidates: Set<Int>, proven: Int?, retained: Set<Int>, fresh: Int?, settleUntil: Date? = nil) {
        guard !candidates.isEmpty || !retained.isEmpty else { return nil }
        self.candidates = candidates
        self.proven = candidates == [proven] ? proven : nil
        self.retained = retained
        self.fresh = fresh
        self.settleUntil = settleUntil
        if candidates.isEmpty { search(without: nil) }
    }

    package func next(at now: Date) -> RotationStep {
        if let end { return .ended(end) }
        if isCalling { return .awaitAnswer }
        if let settleUntil, now < settleUntil { return .wait(until: settleUntil) }
        guard let pair = nextPair else { return .makeKey }
        return .call(from: pair.from, to: pair.to)
    }

    /// The pair of the next call; `nil` when it takes a new key first.
    private var nextPair: (from: Int, to: Int)? {
        if let from, let to, isInDoubt { return (from, to) }
        guard let from = nextFrom, let fresh else { return nil }
        return (from, fresh)
    }

    /// Whether the last call settled nothing, so that only the same one may follow (R6).
    private var isInDoubt: Bool {
        guard let from else { return false }
        return doubts > 0 && candidates.contains(from)
    }

    /// The likeliest candidate: after a lost answer the new key; else the newest.
    private var nextFrom: Int? { candidates.max() }

    /// A key for the next call is sealed, committed and escrowed (R1).
    package mutating func keyReady(_ version: Int) {
        precondition(end == nil && !isCalling && fresh == nil, "a rotation takes a key when it asks for one")
        fresh = version
        round += 1
    }

    /// The call that ``next(at:)`` allowed is about to be made. To be stored before the first byte leaves.
    ///
    /// - Parameter settleUntil: When the server can no longer be at work on it: the request's timeout from now, and a grace.
    package mutating func begin(settleUntil: Date) {
        guard let pair = nextPair, end == nil, !isCalling else { preconditionFailure("no call is allowed now") }
        if pair.to == fresh {
            fresh = nil
            doubts = 0
            puzzles = 0
        }
        (from, to) = pair
        candidates.insert(pair.to)
        isCalling = true
        self.settleUntil = settleUntil
    }

    /// How a version is to be stored.
    package func state(of version: Int) -> SecretState? {
        if candidates.contains(version) { return version == proven ? .active : .uncertain }
        if retained.contains(version) { return .retired }
        return version == fresh ? .pending : nil
    }

    /// Whether a version may be forgotten, as far as this client's keys are known (R5). How long it must have been retired is
    /// the table's rule.
    package func mayDestroy(_ version: Int) -> Bool {
        guard let end, !end.needsPerson, proven != nil else { return false }
        return retained.contains(version)
    }

    /// All other candidates were disproved: what was retired long ago may have come back with a backup of the server's.
    mutating func search(without version: Int?) {
        isSearching = true
        candidates = retained
        if let version { candidates.remove(version) }
        retained.subtract(candidates)
    }
}
