extension RowSchema {
    /// A client to create: a name, perhaps a SIRET and a description, within the limits of the API.
    package static let createClients = RowSchema(
        fields: [.clientName, .siret, .clientDescription],
        keys: [
            Key(field: "siret", code: .duplicateSiret),
            // The API has no delete: a second client of the same name cannot be taken back.
            Key(field: "name", code: .duplicateName, isFolded: true, isOptional: true),
        ]
    )
}

extension FieldSpec {
    /// 1 to 255 Unicode scalars after trimming, on one line.
    package static let clientName = FieldSpec(
        name: "name",
        aliases: [
            "name", "nom", "raison sociale", "denomination", "denomination sociale", "societe", "entreprise", "client",
            "company", "company name", "client name", "nom du client", "nom client", "nom de l'entreprise",
            "nom entreprise", "nom de la societe", "nom societe",
        ],
        missing: .nameMissing
    ) { cell, _, value in
        CellText.trim(cell, into: &value.bytes)
        let text = CellText.measure(value.bytes.span)
        if text.hasLineBreak || text.hasControl { value.refuse(.nameControlCharacter) }
        if text.scalars > 255 { value.refuse(.nameTooLong, "It has \(text.scalars).") }
        if CellText.isPlaceholder(value.bytes.span) { value.refuse(.namePlaceholder) }
    }

    /// Up to 1000 Unicode scalars after trimming; line breaks and tabs are part of the text.
    package static let clientDescription = FieldSpec(
        name: "description",
        aliases: ["description", "commentaire", "commentaires", "note", "notes", "remarque", "remarques", "comment"]
    ) { cell, _, value in
        CellText.trim(cell, into: &value.bytes)
        let text = CellText.measure(value.bytes.span)
        if text.hasControl { value.refuse(.descriptionControlCharacter) }
        if text.scalars > 1000 { value.refuse(.descriptionTooLong, "It has \(text.scalars).") }
    }

    /// 14 digits, however they were typed or exported; see ``Siret``.
    package static let siret = FieldSpec(
        name: "siret",
        aliases: [
            "siret", "n siret", "no siret", "num siret", "numero siret", "numero de siret", "n de siret", "code siret",
            "siret number", "siret no", "siret organisme", "siret etablissement", "siret de l'etablissement",
        ],
        check: Siret.check
    )
}
