import Foundation

extension RowSchema {
    /// Changes of a client's name, SIRET and description. A column that is absent and a cell that is empty leave the value
    /// as it is; a cell that says ``FieldSpec/null`` clears it.
    package static let updateClients = RowSchema(
        fields: [.clientUID, .siret.nullable(), .clientName.changing(), .clientDescription.changing().nullable()],
        keys: byClient,
        oneOf: ["uid", "siret"],
        changes: [["name"], ["description"], ["uid", "siret"]]
    )

    /// Clients by their uid or their SIRET, and nothing else.
    package static let clients = RowSchema(fields: [.clientUID, .siret], keys: byClient, oneOf: ["uid", "siret"])

    static let byClient = [Key(field: "uid", code: .duplicateUID), Key(field: "siret", code: .duplicateSiret)]
}

extension FieldSpec {
    /// What a cell says to clear a value. No program writes it by itself, so no export clears what it only left out.
    package static let null = "<null>"

    /// A client by its uid, in its canonical lower-case form.
    package static let clientUID = FieldSpec(
        name: "uid",
        aliases: [
            "uid", "uuid", "client uid", "uid client", "client id", "id client", "identifiant", "identifiant client",
            "factpulse uid", "uid factpulse",
        ]
    ) { cell, _, value in
        CellText.trim(cell, into: &value.bytes)
        if value.bytes.isEmpty { return }
        let text = String(decoding: value.bytes, as: UTF8.self)
        guard text.utf8.count == 36, let uuid = UUID(uuidString: text) else { return value.refuse(.uidMalformed) }
        value.bytes = Array(uuid.uuidString.lowercased().utf8)
    }

    /// The field as a change: it may be left out, and what only looks like nothing is refused.
    func changing() -> FieldSpec {
        FieldSpec(name: name, aliases: aliases) { cell, options, value in
            check(cell, options, &value)
            let isName = name == FieldSpec.clientName.name
            if isName, Self.isNull(value.bytes.span) { value.refuse(.nameCannotBeCleared) }
            if !isName, CellText.isPlaceholder(value.bytes.span) { value.refuse(.descriptionPlaceholder) }
        }
    }

    /// The field, whose value a cell can also clear.
    func nullable() -> FieldSpec {
        FieldSpec(name: name, aliases: aliases) { cell, options, value in
            CellText.trim(cell, into: &value.bytes)
            value.isNull = Self.isNull(value.bytes.span)
            value.bytes.removeAll(keepingCapacity: true)
            if !value.isNull { check(cell, options, &value) }
        }
    }

    private static func isNull(_ text: Span<UInt8>) -> Bool {
        text.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self).lowercased() == null }
    }
}
