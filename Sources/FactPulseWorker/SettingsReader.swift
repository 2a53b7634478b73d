import Configuration
import FactPulse
import Foundation

/// Reads single settings and says what is wrong with them. An empty value counts as not set.
struct SettingsReader {
    private let reader: ConfigReader
    private let names: Set<String>
    /// The configuration file, where there is one.
    let file: String?

    /// The environment first, then the file.
    /// - Parameter file: `nil`: the one of `FACTPULSE_CONFIG`, if it is set.
    /// - Throws: ``SettingsError`` when the file cannot be read.
    init(file: String?, environment: [String: String]) throws {
        let named = file ?? environment["FACTPULSE_CONFIG"] ?? ""
        self.file = named.isEmpty ? nil : named
        let variables = try named.isEmpty ? [:] : Self.read(named, key: file == nil ? "FACTPULSE_CONFIG" : "--config")
        names = Set(environment.keys).union(variables.keys)
        reader = ConfigReader(providers: [
            EnvironmentVariablesProvider(environmentVariables: environment),
            EnvironmentVariablesProvider(environmentVariables: variables),
        ])
    }

    private static func read(_ path: String, key: String) throws -> [String: String] {
        do {
            return try parse(String(decoding: Data(contentsOf: URL(filePath: path)), as: UTF8.self), key: key)
        } catch let error as SettingsError {
            throw error
        } catch {
            throw SettingsError(
                key: key,
                problem: "names a file that cannot be read (\(path))",
                cure: "check the path and its permissions"
            )
        }
    }

    /// Lines of `NAME=value`. Quotes around a whole value are taken off, as systemd and Docker Compose do.
    private static func parse(_ text: String, key: String) throws -> [String: String] {
        var variables: [String: String] = [:]
        for (number, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            let line = line.trimmingCharacters(in: .whitespaces)
            if line.isEmpty || line.hasPrefix("#") { continue }
            guard let equals = line.firstIndex(of: "="), equals != line.startIndex else {
                throw SettingsError(
                    key: key,
                    problem: "has a line that is no setting (line \(number + 1))",
                    cure: "write NAME=value, or begin a comment with #"
                )
            }
            let name = line[..<equals].trimmingCharacters(in: .whitespaces)
            var value = line[line.index(after: equals)...].trimmingCharacters(in: .whitespaces)
            if value.count >= 2, let quote = value.first, quote == "\"" || quote == "'", value.last == quote {
                value = String(value.dropFirst().dropLast())
            }
            variables[name] = value
        }
        return variables
    }

    func names(beginningWith prefix: String) -> [String] {
        names.filter { $0.hasPrefix(prefix) }.sorted()
    }

    func text(_ key: String) -> String? {
        let parts = key.lowercased().split(separator: "_").map(String.init)
        let value = reader.string(forKey: ConfigKey(parts), isSecret: true)
        return value.flatMap { $0.isEmpty ? nil : $0 }
    }

    /// Reads `KEY`, or the file that `KEY_FILE` names without the line end at its end.
    func secret(_ key: String) throws -> Secret? {
        let path = text("\(key)_FILE")
        guard let path else { return text(key).map(Secret.init) }
        guard text(key) == nil else {
            throw SettingsError(key: key, problem: "and \(key)_FILE are both set", cure: "unset one of them")
        }
        guard FileManager.default.fileExists(atPath: path) else {
            // What leads nowhere is not quoted: it may be the secret itself.
            throw SettingsError(
                key: "\(key)_FILE",
                problem: "names no file that exists",
                cure: "set it to the path of a file that holds the secret, or set \(key) to the secret itself"
            )
        }
        let data: Data
        do {
            data = try Data(contentsOf: URL(filePath: path))
        } catch {
            throw SettingsError(
                key: "\(key)_FILE",
                problem: "names a file that cannot be read (\(path))",
                cure: "check the path and its permissions"
            )
        }
        let secret = String(decoding: data, as: UTF8.self).trimmingCharacters(in: .newlines)
        guard !secret.isEmpty else {
            throw SettingsError(
                key: "\(key)_FILE",
                problem: "names an empty file (\(path))",
                cure: "write the secret into it"
            )
        }
        return Secret(secret)
    }

    func number(_ key: String, _ range: ClosedRange<Double>) throws -> Double? {
        guard let text = text(key) else { return nil }
        guard let number = Double(text), range.contains(number) else {
            throw SettingsError(
                key: key,
                problem: "is not a number in range",
                cure: "set it to a number from \(Self.plain(range.lowerBound)) to \(Self.plain(range.upperBound))"
            )
        }
        return number
    }

    func seconds(_ key: String, _ range: ClosedRange<Double>) throws -> Duration? {
        try number(key, range).map { .seconds($0) }
    }

    func integer(_ key: String, _ range: ClosedRange<Int>) throws -> Int? {
        guard let text = text(key) else { return nil }
        guard let number = Int(text), range.contains(number) else {
            throw SettingsError(
                key: key,
                problem: "is not a whole number in range",
                cure: "set it to a whole number from \(range.lowerBound) to \(range.upperBound)"
            )
        }
        return number
    }

    func names(_ key: String) throws -> [String]? {
        guard let text = text(key) else { return nil }
        let names = text.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
        guard !names.isEmpty else {
            throw SettingsError(key: key, problem: "names nothing", cure: "set it to names separated by commas")
        }
        return names
    }

    func choice<Value: RawRepresentable<String> & CaseIterable>(_ key: String) throws -> Value? {
        guard let text = text(key) else { return nil }
        guard let value = Value(rawValue: text.lowercased()) else {
            let known = Value.allCases.map(\.rawValue).joined(separator: ", ")
            throw SettingsError(key: key, problem: "is not a known word", cure: "set it to one of \(known)")
        }
        return value
    }

    func flag(_ key: String) throws -> Bool? {
        guard let text = text(key) else { return nil }
        switch text.lowercased() {
        case "true", "yes", "on", "1": return true
        case "false", "no", "off", "0": return false
        default: throw SettingsError(key: key, problem: "is neither true nor false", cure: "set it to true or false")
        }
    }

    private static func plain(_ number: Double) -> String {
        number == number.rounded() ? String(Int(number)) : String(number)
    }
}
