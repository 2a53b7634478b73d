import Foundation
import struct Sandbox.SplitMix64

@testable import KeyVault

/// A whole deployment in values: a server with one client, a vault, an escrow file, and a program that may die between any
/// two steps. Every accident comes from one seeded generator, so that a run can be made again.
struct RotationWorld {
    enum Broken: Error, CustomStringConvertible {
        case rule(String, seed: UInt64, history: [String])

        var description: String {
            guard case .rule(let rule, let seed, let history) = self else { return "" }
            return "seed \(seed): \(rule)\n\(history.suffix(40).joined(separator: "\n"))"
        }
    }

    /// What survives a crash of the program. A restore of the database puts an earlier one back.
    struct Table {
        var rotation: Rotation
        var versions: Set<Int>
    }

    struct LateCommit {
        let from: Int
        let to: Int
        let due: Int
        /// Checked the old key when the request came in, and writes without looking again.
        let isBlind: Bool
    }

    static let settle = 10

    var random: SplitMix64
    let seed: UInt64
    /// Only for the run that is shown.
    let history: History?
    var now = 0

    // The server: the key of each of the client's two secrets, what it is still at work on, and its backups.
    var live = [1, 1]
    var late: [LateCommit] = []
    var backups = [[1, 1]]
    var hasSecrets = true

    // Ours: the escrow file, the table with its backup, and what the running program has in memory.
    var escrow: Set<Int> = [1]
    var table: Table
    var tableBackup: Table
    var memory: Rotation?

    /// Whether the server was put back, or changed by somebody else, since its key was last proven.
    var isEstranged = false
    /// The pair of a call whose answer was lost.
    var doubted: [Int]?
    var endings: [RotationEnd: Int] = [:]
    var accidents: Set<String> = []

    final class History {
        private(set) var lines: [String] = []
        func add(_ line: String) { lines.append(line) }
    }

    init(seed: UInt64, history: History? = nil) throws {
        self.seed = seed
        self.history = history
        random = SplitMix64(state: seed)
        guard let rotation = Rotation(candidates: [1], proven: 1, retained: [], fresh: nil) else {
            throw Broken.rule("there is a key", seed: seed, history: [])
        }
        table = Table(rotation: rotation, versions: [1])
        tableBackup = table
    }

    func note(_ text: @autoclosure () -> String) {
        history?.add("\(now): \(text())")
    }

    mutating func chance(_ percent: UInt64) -> Bool { random.next() % 100 < percent }

    // MARK: Rules

    /// What must hold after every step.
    func check() throws {
        let candidates = table.rotation.candidates
        for key in live {
            if !isEstranged { try hold(candidates.contains(key), "live key \(key) is not in C \(candidates.sorted())") }
            try hold(table.versions.contains(key) || escrow.contains(key), "live key \(key) is in no place of ours")
        }
        for key in table.rotation.candidates {
            try hold(table.versions.contains(key), "candidate \(key) cannot be opened")
            try hold(escrow.contains(key), "candidate \(key) is not escrowed")
        }
    }

    func hold(_ condition: Bool, _ rule: @autoclosure () -> String) throws {
        if !condition { throw Broken.rule(rule(), seed: seed, history: history?.lines ?? []) }
    }

    // MARK: The server

    mutating func passTime(to moment: Int) {
        now = max(now, moment)
        for call in late where call.due <= now {
            if call.isBlind || live == [call.from, call.from] {
                live = [call.to, call.to]
                note("late commit of \(call.from) -> \(call.to)")
            }
        }
        late.removeAll { $0.due <= now }
    }

    /// Carries out one request, and says what the client of it sees; `nil`: the program died before it saw anything.
    mutating func serve(from: Int, to: Int) -> RotationAnswer? {
        guard hasSecrets else { return .notApplicable }
        let opens = live == [from, from]
        switch random.next() % 100 {
        case 0..<4: return .notSent
        case 4..<6: return .refused
        case 6..<9: return .uncertain(.unrecognised)
        case 9..<15: return .uncertain(.unanswered)
        case 15..<23 where opens:
            accidents.insert("late")
            let due = now + 1 + Int(random.next() % UInt64(Self.settle - 1))
            late.append(LateCommit(from: from, to: to, due: due, isBlind: chance(50)))
            return chance(20) ? nil : .uncertain(.unanswered)
        case 23..<25 where opens:
            accidents.insert("split")
            live[Int(random.next() % 2)] = to
            // Until somebody has seen and stored that it is one. "Old key invalid" is true of keys that open a part.
            isEstranged = true
            return chance(20) ? .uncertain(.unanswered) : .split
        case 25..<35 where opens:
            live = [to, to]
            return .uncertain(chance(30) ? .unrecognised : .unanswered)
        case 35..<40:
            if opens { live = [to, to] }
            return nil
        default:
            guard opens else { return .oldKeyInvalid }
            live = [to, to]
            return .rotated
        }
    }

    // MARK: Accidents

    /// The program dies: what it had not stored is gone.
    mutating func crash(_ percent: UInt64) -> Bool {
        guard chance(percent) else { return false }
        note("crash")
        memory = nil
        return true
    }

    mutating func accident() throws {
        switch random.next() % 8 {
        case 0, 1:
            live = backups[Int(random.next() % UInt64(backups.count))]
            isEstranged = true
            accidents.insert("server restored")
            note("the server is restored to \(live)")
        case 2: backups = Array((backups + [live]).suffix(4))
        case 3: tableBackup = table
        case 4, 5: restoreTable()
        case 6: hasSecrets.toggle()
        default: purge()
        }
    }

    /// Our database goes back to its backup; `keys restore` then reads the escrow file.
    mutating func restoreTable() {
        memory = nil
        doubted = nil
        table = tableBackup
        if live[0] != live[1] { isEstranged = true }
        let unsure = escrow.filter { !table.versions.contains($0) || $0 == table.rotation.fresh }
        table.versions.formUnion(escrow)
        table.rotation.recovered(unsure, settleUntil: date(now + Self.settle))
        accidents.insert("database restored")
        note("the database is restored; unsure of \(unsure.sorted()), C \(table.rotation.candidates.sorted())")
    }

    /// Forgets what may be forgotten and is older than any backup, which is what the 400 days are for.
    mutating func purge() {
        let needed = Set(backups.joined()).union(tableBackup.versions)
        for version in table.versions where (memory ?? table.rotation).mayDestroy(version) && !needed.contains(version)
        {
            table.versions.remove(version)
            escrow.remove(version)
            table.rotation.retained.remove(version)
            memory?.retained.remove(version)
            note("version \(version) is destroyed")
        }
    }
}

func date(_ moment: Int) -> Date { Date(timeIntervalSince1970: Double(moment)) }
