import Foundation
import Testing

@testable import FactPulse

struct ModelTests {
    private func decode<Model: Decodable>(_ type: Model.Type, _ text: String) throws -> Model {
        try JSON.decode(type, from: Data(text.utf8))
    }

    private func encode(_ model: some Encodable) throws -> String {
        String(decoding: try JSON.encode(model), as: UTF8.self)
    }

    @Test func `an update sends exactly the members it names`() throws {
        #expect(try encode(ClientUpdateRequest()) == "{}")
        #expect(try encode(ClientUpdateRequest(name: .set("A"), siret: .clear)) == #"{"name":"A","siret":null}"#)
        let all = ClientUpdateRequest(name: .clear, description: .set(""), siret: .set("73282932000074"))
        #expect(try encode(all) == #"{"description":"","name":null,"siret":"73282932000074"}"#)
    }

    @Test func `a creation leaves out what is not given`() throws {
        #expect(try encode(ClientCreateRequest(name: "L'Été / SARL")) == #"{"name":"L'Été / SARL"}"#)
        let all = ClientCreateRequest(name: "A", description: "d", siret: "73282932000074")
        #expect(try encode(all) == #"{"description":"d","name":"A","siret":"73282932000074"}"#)
    }

    @Test func `a PDP configuration leaves out what is not given`() throws {
        var request = PDPConfigUpdateRequest(
            flowServiceUrl: "f",
            tokenUrl: "t",
            oauthClientId: "o",
            clientSecret: Secret("s")
        )
        #expect(
            try encode(request.body) == #"{"clientSecret":"s","flowServiceUrl":"f","oauthClientId":"o","tokenUrl":"t"}"#
        )
        request.isActive = false
        request.modeSandbox = true
        request.encryptionMode = .double
        let text = try encode(request.body)
        #expect(text.contains(#""isActive":false"#) && text.contains(#""modeSandbox":true"#))
        #expect(text.contains(#""encryptionMode":"double""#))
    }

    @Test func `null and absent are the same, and unknown members are ignored`() throws {
        let bare = try decode(PDPConfigResponse.self, #"{"isConfigured":false}"#)
        let names = [
            "id", "isActive", "modeSandbox", "flowServiceUrl", "tokenUrl", "oauthClientId", "encryptionMode",
            "secretStatus", "lastTestAt", "lastTestSuccess", "lastTestError", "createdAt", "updatedAt", "message",
        ]
        let nulls = names.map { #""\#($0)":null"# }.joined(separator: ",")
        let full = try decode(PDPConfigResponse.self, #"{"isConfigured":false,\#(nulls),"future":[{"x":1}],"z":1e400}"#)
        #expect(bare == full)
    }

    @Test func `every member of a PDP configuration is read`() throws {
        let config = try decode(
            PDPConfigResponse.self,
            """
            {"isConfigured":true,"id":9007199254740993,"isActive":true,"modeSandbox":false,"flowServiceUrl":"f",
            "tokenUrl":"t","oauthClientId":"o","encryptionMode":"quantum","secretStatus":{"status":"odd","message":"m",
            "encryptionMode":"double","requiresClientKey":true},"lastTestAt":"2026-03-01T12:00:00","lastTestSuccess":true,
            "lastTestError":"e","createdAt":"2026-03-01T12:00:00Z","updatedAt":"2026-03-01T13:00:00+01:00","message":"m"}
            """
        )
        #expect(config.id == 9_007_199_254_740_993)
        #expect(config.encryptionMode == "quantum" && config.secretStatus?.status == "odd")
        #expect(config.secretStatus?.requiresClientKey == true && config.lastTestSuccess == true)
        #expect(config.lastTestAt == APIDateTests.noon && config.createdAt == config.updatedAt)
    }

    @Test func `a list says whether it is the last page, by the size that the server used`() throws {
        func list(_ total: Int, _ page: Int, _ size: Int, isEmpty: Bool = false) throws -> ClientListResponse {
            let results = isEmpty ? "" : goodBody(.getClient)
            let text = #"{"results":[\#(results)],"total":\#(total),"page":\#(page),"pageSize":\#(size)}"#
            return try decode(ClientListResponse.self, text)
        }
        #expect(try list(101, 2, 50).isLast == false)
        #expect(try list(100, 2, 50).isLast)
        #expect(try list(100, 1, 50, isEmpty: true).isLast)
        #expect(try list(100, 1, 0).isLast == false)
        #expect(try list(100, .max, .max).isLast, "a size beyond all bounds is no reason to crash")
    }

    @Test(arguments: [
        (#"{"success":true,"message":"","rotatedCount":1}"#, true),
        (#"{"success":true,"message":"","rotatedCount":1,"partialErrors":[]}"#, true),
        (#"{"success":true,"message":"","rotatedCount":1,"partialErrors":["one"]}"#, false),
        (#"{"success":false,"message":"","rotatedCount":0}"#, false),
    ]) func `a rotation is complete only when the server says so and names no error`(text: String, isComplete: Bool)
        throws
    {
        #expect(try decode(KeyRotationResponse.self, text).isComplete == isComplete)
    }

    @Test(
        arguments: ["isActive", "uid", "name", "hasConfigPdp", "hasConfigChorus", "createdAt", "updatedAt"]
    ) func `a client without a required member is unreadable`(
        member: String
    ) throws {
        var object = try #require(
            try JSONSerialization.jsonObject(with: Data(goodBody(.getClient).utf8)) as? [String: Any]
        )
        object[member] = nil
        let data = try JSONSerialization.data(withJSONObject: object)
        #expect(throws: DecodingError.self) { try JSON.decode(ClientDetail.self, from: data) }
    }
}
