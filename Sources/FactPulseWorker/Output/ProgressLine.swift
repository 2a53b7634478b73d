import Foundation
import Synchronization

/// Shows how far something is, on standard error: a bar that is drawn again on a terminal, a plain line every few
/// seconds elsewhere.
final class ProgressLine: Sendable {
    private struct State {
        var shownAt: ContinuousClock.Instant?
        var isDrawn = false
        /// Where the rate is measured from.
        var first: (count: Int, at: ContinuousClock.Instant)?
    }

    private static let redraw = Duration.milliseconds(200)
    private static let repeatPlain = Duration.seconds(5)

    private let title: String
    private let noun: String
    private let isSilent: Bool
    private let state = Mutex(State())

    /// - Parameter noun: What is counted, in the plural.
    init(_ title: String, counting noun: String, isSilent: Bool = false) {
        self.title = title
        self.noun = noun
        self.isSilent = isSilent
    }

    /// - Parameters:
    ///   - count: So far.
    ///   - part: Of the whole, 0 to 1; `nil` when the whole is not known.
    ///   - hasETA: Whether the rest goes as fast as what was counted.
    func show(_ count: Int, part: Double?, hasETA: Bool = true, note: String = "") {
        guard !isSilent else { return }
        state.withLock { state in
            let now = ContinuousClock.now
            let pause = Messages.isTerminal ? Self.redraw : Self.repeatPlain
            // Something that is over at once needs no progress.
            guard let first = state.first else {
                state.first = (count, now)
                state.shownAt = now
                return
            }
            guard let shownAt = state.shownAt, now - shownAt >= pause else { return }
            state.shownAt = now
            let line = line(count, part, first: first, now: now, hasETA: hasETA, note: note)
            if Messages.isTerminal {
                state.isDrawn = true
                Messages.writeRaw("\r\u{1B}[K\(line)")
            } else {
                Messages.write(line)
            }
        }
    }

    /// Takes the bar away, so that the next message has a line of its own.
    func clear() {
        state.withLock { state in
            if state.isDrawn { Messages.writeRaw("\r\u{1B}[K") }
            state.isDrawn = false
        }
    }

    func line(
        _ count: Int,
        _ part: Double?,
        first: (count: Int, at: ContinuousClock.Instant),
        now: ContinuousClock.Instant,
        hasETA: Bool,
        note: String
    ) -> String {
        let seconds = (now - first.at).inSeconds
        let rate = seconds > 0 ? Double(count - first.count) / seconds : 0
        var words = ["\(title):"]
        if let part {
            if Messages.isTerminal { words.append(Self.bar(part)) }
            words.append("\(Int(part * 100)) %")
        }
        words.append("\(count.grouped) \(noun)" + (hasETA ? "," : ""))
        if hasETA { words.append(rate < 10 ? String(format: "%.1f/s", rate) : "\(Int(rate).grouped)/s") }
        if hasETA, let part, part > 0, part < 1, rate > 0 {
            let left = Double(count) / part - Double(count)
            words.append("ETA \(Duration.seconds(left / rate).spoken)")
        }
        if !note.isEmpty { words.append("(\(note))") }
        return words.joined(separator: " ")
    }

    private static func bar(_ part: Double) -> String {
        let full = Int(max(0, min(1, part)) * 24)
        return "[" + String(repeating: "#", count: full) + String(repeating: "-", count: 24 - full) + "]"
    }
}
