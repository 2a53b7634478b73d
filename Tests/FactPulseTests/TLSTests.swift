import FactPulse
import Foundation
import Glibc
import Testing

struct TLSTests {
    @Test(.timeLimit(.minutes(2))) func `a certificate that nobody vouches for is refused before anything is sent`()
        async throws
    {
        let server = try TLSServer()
        defer { server.remove() }
        let credentials = [passwordCredentials, .apiKey(Secret(Canary.apiKey))]
        for credentials in credentials {
            try await withClient("https://localhost:\(server.port)", credentials) { client in
                let error = await failure { () async throws(FactPulseError) in
                    try await perform(.createClient, on: client)
                }
                #expect(error?.outcome == .notSent(.unreachable))
            }
        }
        #expect(server.stop() == "", "what a client sends inside TLS is printed by s_server")
    }
}

/// `openssl s_server` under a certificate of its own making: it prints what it is sent.
private struct TLSServer {
    let port: Int
    private let process = Process()
    private let output = Pipe()
    private let folder: URL

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "tls-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.currentDirectoryURL = folder
        // `-subj` names the host, so that nothing but the missing signature is wrong with the certificate.
        let script = """
            openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
                -addext subjectAltName=DNS:localhost -keyout key.pem -out cert.pem 2>/dev/null || exit 9
            exec openssl s_server -accept 127.0.0.1:0 -cert cert.pem -key key.pem -naccept 100 2>/dev/null
            """
        process.arguments = ["bash", "-c", script]
        process.standardOutput = output
        process.standardInput = Pipe()
        try process.run()
        port = try Self.port(in: output)
    }

    /// Reads up to the line `ACCEPT 127.0.0.1:PORT`.
    private static func port(in output: Pipe) throws -> Int {
        var text = ""
        while true {
            let piece = output.fileHandleForReading.availableData
            guard !piece.isEmpty else { throw TLSServerFailed(output: text) }
            text += String(decoding: piece, as: UTF8.self)
            if let match = text.firstMatch(of: /ACCEPT [^\n]*:([0-9]+)\n/), let port = Int(match.1) { return port }
        }
    }

    /// Ends the server.
    /// - Returns: What clients sent it, without what s_server says about each connection.
    func stop() -> String {
        // The tests' process may ignore SIGTERM, and what it starts inherits that.
        kill(process.processIdentifier, SIGKILL)
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return text.split(separator: "\n").filter { $0.contains("HTTP/1.1") || $0.contains("{") }
            .joined(separator: "\n")
    }

    func remove() {
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        // The folder may be gone already; nothing depends on it.
        try? FileManager.default.removeItem(at: folder)
    }
}

private struct TLSServerFailed: Error {
    let output: String
}
