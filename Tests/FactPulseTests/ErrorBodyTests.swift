import Foundation
import Testing

@testable import FactPulse

struct ErrorBodyTests {
    private func read(_ text: String, _ secrets: [String] = []) -> ErrorBody {
        ErrorBody(Data(text.utf8), scrubber: Scrubber(secrets.map { Secret($0) }))
    }

    @Test(
        arguments: [
            // A to J of the contract, then what lies between them.
            (#"{"detail":"Token expired or invalid"}"#, nil, "Token expired or invalid"),
            (
                #"{"detail":[{"loc":["body","siret"],"msg":"bad","type":"t"},{"loc":["body","tags",3],"msg":"odd"}]}"#,
                nil,
                "siret: bad; 3: odd"
            ),
            (
                #"{"detail":{"error":"client_not_found","message":"Not here","help":"x"}}"#, "client_not_found",
                "Not here"
            ),
            (#"{"error":"no_pdp_config","message":"None","client_uid":"u"}"#, "no_pdp_config", "None"),
            (
                #"{"errorCode":"ACCESS_DENIED","errorMessage":"Non","details":[{"level":"Error","reason":"r"}]}"#,
                "ACCESS_DENIED", "Non"
            ),
            (#"{"errorCode":"X1","details":"text"}"#, "X1", "text"),
            (#"{"errorCode":"X1","errorMessage":"words","details":"text"}"#, "X1", "words"),
            (#"{"detail":{"errorCode":"G","errorMessage":"inside","details":null}}"#, "G", "inside"),
            (#"{"detail":{"error_code":"G","error_message":"inside"}}"#, "G", "inside"),
            (#"{"error_code":"S","error_message":"snake"}"#, "S", "snake"),
            (#"{"message":"plain"}"#, nil, "plain"),
            ("", nil, nil),
            ("<html><body>502 Bad Gateway</body></html>", nil, nil),
            ("upstream timed out\n", nil, "upstream timed out"),
            (
                #"{"username":["This field is required."],"password":["Too short.","Odd."]}"#, nil,
                "password: Too short. Odd.; username: This field is required."
            ),
            (#"{"detail":"No","code":"token_not_valid"}"#, "token_not_valid", "No"),
            (#"{"detail":null}"#, nil, nil), (#"{"detail":[]}"#, nil, nil),
            (#"{"detail":["just text"]}"#, nil, "just text"),
            ("[1,2]", nil, nil), ("null", nil, "null"), (#"{"detail":{"loc":"odd"}}"#, nil, nil),
            (#"{"detail":"#, nil, nil),
            (#"{"error":{"nested":1},"message":5}"#, nil, nil),
        ] as [(String, String?, String?)]
    ) func `every shape of error gives its code and its words`(body: String, code: String?, message: String?) {
        let error = read(body)
        #expect(error.code == code)
        #expect(error.message == message)
    }

    @Test func `the fields of a validation error are named, and what was sent is not kept`() {
        let body = #"""
            {"detail":[{"loc":["body","clientSecret"],"msg":"Field required","type":"missing",
            "input":{"clientSecret":"hunter2-hunter2","a":"private words"},"ctx":{"error":"private words"}}]}
            """#
        let error = read(body)
        #expect(error.fields == [FieldError(field: "clientSecret", message: "Field required")])
        #expect(!"\(error)".contains("private") && !"\(error)".contains("hunter2"))
    }

    @Test func `words, codes and fields are bounded`() {
        let long = String(repeating: "é", count: 100_000)
        let many = (0..<1000).map { #"{"loc":["body","f\#($0)"],"msg":"bad"}"# }.joined(separator: ",")
        let error = read(#"{"errorCode":"\#(long)","errorMessage":"\#(long)","detail":[\#(many)]}"#)
        #expect(error.message?.count == 500)
        #expect(error.code?.count == 64)
        #expect(error.fields.count == ErrorBody.mostFields)
        #expect(read(long).message?.count == 200)
    }

    @Test func `a server's words stay on one line and cannot forge a log`() {
        let error = read(#"{"errorCode":"A\r\nB","message":"one\ntwo\u001b[31m\u2028three\u202efour"}"#)
        #expect(error.code == "A  B")
        #expect(error.message == "one two [31m three four")
    }

    @Test func `secrets are taken out of words, codes and fields`() {
        let secret = "kX9/vQ+72bTz=plain"
        let error = read(
            #"{"errorCode":"\#(secret)","detail":[{"loc":["\#(secret)"],"msg":"got \#(secret)"}]}"#,
            [secret]
        )
        #expect(error.code == "<redacted>")
        #expect(error.fields == [FieldError(field: "<redacted>", message: "got <redacted>")])
        #expect(read("got \(secret) there", [secret]).message == "got <redacted> there")
    }
}
