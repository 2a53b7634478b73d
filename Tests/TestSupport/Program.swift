import Foundation

/// Runs another program to its end.
package enum Program {
    package struct Run: Sendable {
        package let status: Int32
        /// Standard output and standard error together.
        package let output: String
    }

    /// - Parameter program: A path, or a name to look up in `PATH`. One that does not exist ends with status 127.
    package static func run(_ program: String, _ arguments: [String]) async throws -> Run {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = [program] + arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        return try await withCheckedThrowingContinuation { continuation in
            // Reading blocks, so it gets a thread of its own and not one of the cooperative pool.
            Thread.detachNewThread {
                do {
                    try process.run()
                    let output = pipe.fileHandleForReading.readDataToEndOfFile()
                    process.waitUntilExit()
                    continuation.resume(
                        returning: Run(
                            status: process.terminationStatus,
                            output: String(decoding: output, as: UTF8.self)
                        )
                    )
                } catch {
                    continuation.resume(throwing: error)
                }
            }
        }
    }
}
