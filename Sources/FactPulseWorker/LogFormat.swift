import Foundation
import Logging

/// How log lines are written to standard error.
enum LogFormat: String, Sendable, CaseIterable {
    case text, json

    func makeLogger(level: Logger.Level) -> Logger {
        var logger = Logger(label: "factpulse-worker") { _ in LineLogHandler(format: self) }
        logger.logLevel = level
        return logger
    }
}

/// Writes one line a message: a time, a level, a constant sentence, and the facts behind it.
struct LineLogHandler: LogHandler {
    let format: LogFormat
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .info

    init(format: LogFormat) {
        self.format = format
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let facts = metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }
        let time = Date.now.formatted(Self.timeFormat)
        switch format {
        case .text: Messages.write(text(time, event, facts))
        case .json: Messages.write(json(time, event, facts))
        }
    }

    private static let timeFormat = Date.ISO8601FormatStyle(includingFractionalSeconds: true)

    private func text(_ time: String, _ event: LogEvent, _ facts: [(key: String, value: Logger.MetadataValue)])
        -> String
    {
        let level = event.level.rawValue.padded(to: 8)
        var line = "\(time) \(level) \(event.message)"
        for (key, value) in facts {
            let text = "\(value)"
            line +=
                text.contains(where: { $0.isWhitespace || $0 == "\"" })
                ? " \(key)=\(text.debugDescription)" : " \(key)=\(text)"
        }
        return line.split(whereSeparator: \.isNewline).joined(separator: " ")
    }

    private func json(_ time: String, _ event: LogEvent, _ facts: [(key: String, value: Logger.MetadataValue)])
        -> String
    {
        var object = ["time": time, "level": event.level.rawValue, "message": "\(event.message)"]
        for (key, value) in facts { object[key] = "\(value)" }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Strings always encode.
        guard let data = try? encoder.encode(object) else { return "{}" }
        return String(decoding: data, as: UTF8.self)
    }
}
