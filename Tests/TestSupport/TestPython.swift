import Foundation

/// A Python with what the tests hold our code against: `factpulse==4.4.0`, `requests`, which that package's helper
/// imports but does not declare, and `croniter`. The one `FACTPULSE_PYTHON` names, else one made once under `.build`.
package enum TestPython {
    private static let packages = ["factpulse==4.4.0", "requests", "croniter==6.0.0"]

    /// - Throws: ``Unprepared``, with the cure.
    package static func path() async throws -> String {
        if let given = ProcessInfo.processInfo.environment["FACTPULSE_PYTHON"] { return given }
        let home = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../.build/python-sdk")
            .standardizedFileURL.path(percentEncoded: false)
        let python = home + "/bin/python"
        if try await Program.run(python, ["-c", "import factpulse, requests, croniter"]).status == 0 { return python }
        for (program, arguments) in [
            ("python3", ["-m", "venv", "--clear", home]),
            (python, ["-m", "pip", "install", "--quiet"] + packages),
        ] {
            let run = try await Program.run(program, arguments)
            guard run.status == 0 else { throw Unprepared(output: run.output) }
        }
        return python
    }

    package struct Unprepared: Error, CustomStringConvertible {
        let output: String
        package var description: String {
            "\(output)\ngive FACTPULSE_PYTHON the path of a Python with \(packages.joined(separator: ", ")), or install python3 with venv and pip"
        }
    }
}
