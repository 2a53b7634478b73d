import FactPulse
import Testing

struct ConfigurationTests {
    private func make(_ url: String, insecure: Bool = false) throws -> FactPulseConfiguration {
        try FactPulseConfiguration(
            baseURL: url,
            credentials: .apiKey(Secret("key")),
            allowInsecureHTTP: insecure
        )
    }

    @Test(arguments: [
        ("https://factpulse.fr", "https://factpulse.fr"), ("https://factpulse.fr//", "https://factpulse.fr"),
        ("https://host:8443/pulse/", "https://host:8443/pulse"), ("http://localhost:8001", "http://localhost:8001"),
        ("http://127.9.9.9:1", "http://127.9.9.9:1"), ("http://[::1]:1", "http://[::1]:1"),
    ]) func `a good address is taken without its last slash`(text: String, url: String) throws {
        #expect(try make(text).baseURL == url)
    }

    @Test(
        arguments: ["", "factpulse.fr", "ftp://factpulse.fr", "https://", "/api", "https://a b"]
    ) func `what is no address is refused`(
        text: String
    ) {
        #expect(throws: FactPulseConfigurationError.notAnAddress) { try make(text) }
    }

    @Test(
        arguments: ["https://user:pw@host", "https://user@host", "https://host/?q=1", "https://host/#x"]
    ) func `an address that could carry a secret is refused`(
        text: String
    ) {
        #expect(throws: FactPulseConfigurationError.tooMuchInAddress) { try make(text) }
    }

    @Test(arguments: [
        "http://factpulse.fr", "http://127.0.0.1.evil.test", "http://localhost.evil.test", "http://10.0.0.1",
    ]) func `the password goes in clear to no other machine, unless that is asked for`(text: String) throws {
        #expect { try make(text) } throws: { "\($0)".contains("https://") }
        #expect(try make(text, insecure: true).baseURL == text)
    }

    @Test(arguments: [
        "https://factpulse.fr", "HTTPS://FactPulse.FR/", "https://factpulse.fr.", "https://factpulse.fr:443//",
        "https://factpulse.fr.:443",
    ]) func `an address is one, however it is written`(text: String) {
        #expect(FactPulseConfiguration.address(of: text) == "factpulse.fr")
    }

    @Test(arguments: [
        ("https://factpulse.fr:8443/", "factpulse.fr:8443"), ("https://factpulse.fr/pulse/", "factpulse.fr/pulse"),
        ("http://localhost:80", "localhost"), ("http://localhost:443", "localhost:443"), ("http://[::1]:08", "[::1]:8"),
    ]) func `what makes another address stays`(text: String, address: String) {
        #expect(FactPulseConfiguration.address(of: text) == address)
    }

    @Test func `empty credentials are refused at once`() {
        for credentials in [FactPulseCredentials.apiKey(Secret("")), .password(email: "a", Secret(""))] {
            #expect(throws: FactPulseConfigurationError.emptyCredentials) {
                try FactPulseConfiguration(credentials: credentials)
            }
        }
    }
}
