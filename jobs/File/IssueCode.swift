/// What can be wrong with a row. The raw values are stable: people filter by them, programs compare them.
package enum IssueCode: String, Sendable, Hashable, CaseIterable, Comparable {
    case tooFewCells = "TOO_FEW_CELLS"
    case lineBreak = "LINE_BREAK"
    case tooManyCells = "TOO_MANY_CELLS"
    case strayQuote = "STRAY_QUOTE"
    case nameMissing = "NAME_MISSING"
    case namePlaceholder = "NAME_PLACEHOLDER"
    case nameTooLong = "NAME_TOO_LONG"
    case nameControlCharacter = "NAME_CONTROL_CHARACTER"
    case descriptionTooLong = "DESCRIPTION_TOO_LONG"
    case descriptionControlCharacter = "DESCRIPTION_CONTROL_CHARACTER"
    case descriptionPlaceholder = "DESCRIPTION_PLACEHOLDER"
    case nameCannotBeCleared = "NAME_CANNOT_BE_CLEARED"
    case clientMissing = "CLIENT_MISSING"
    case uidMalformed = "UID_MALFORMED"
    case urlMalformed = "URL_MALFORMED"
    case textMalformed = "TEXT_MALFORMED"
    case yesOrNoMissing = "NOT_YES_OR_NO"
    case encryptionModeUnknown = "ENCRYPTION_MODE_UNKNOWN"
    case siretScientific = "SIRET_SCIENTIFIC"
    case siretLeadingZero = "SIRET_LEADING_ZERO"
    case siretIsSiren = "SIRET_IS_SIREN"
    case siretLength = "SIRET_LENGTH"
    case siretCharacters = "SIRET_CHARACTERS"
    case siretChecksum = "SIRET_CHECKSUM"
    case duplicateUID = "DUPLICATE_UID"
    case duplicateSiret = "DUPLICATE_SIRET"
    case duplicateName = "DUPLICATE_NAME"

    package static func < (left: IssueCode, right: IssueCode) -> Bool {
        left.rawValue < right.rawValue
    }

    /// What is wrong and what to do about it, one sentence for every row with this code.
    package var cure: String {
        switch self {
        case .tooFewCells:
            "The row has fewer cells than the header: write the delimiters that are missing, "
                + "or put quotes around a cell that holds a line break."
        case .lineBreak:
            "A line break inside a cell has most likely cut this row in two: put quotes around that cell, or remove the "
                + "break; if it is whole, complete the short row beside it."
        case .tooManyCells:
            "The row has more cells than the header: put quotes around text that holds the delimiter."
        case .strayQuote:
            "A quoted cell goes on after its closing quote: double the quotes that belong to the text."
        case .nameMissing: "The name is empty: every client needs one."
        case .namePlaceholder: "The name is what a program writes for \"nothing\": write the client's real name."
        case .nameTooLong: "The name is longer than 255 characters: shorten it."
        case .nameControlCharacter: "The name holds a line break or another control character: remove it."
        case .descriptionTooLong: "The description is longer than 1000 characters: shorten it."
        case .descriptionControlCharacter: "The description holds a control character: remove it."
        case .siretScientific, .siretLeadingZero, .siretIsSiren, .siretLength, .siretCharacters, .siretChecksum:
            siretCure
        case .descriptionPlaceholder, .nameCannotBeCleared, .clientMissing, .uidMalformed, .duplicateUID: changeCure
        case .urlMalformed, .textMalformed, .yesOrNoMissing, .encryptionModeUnknown: pdpCure
        case .duplicateSiret: "An earlier row has the same SIRET: keep one of them."
        case .duplicateName:
            "Another row has the same name, and this one has no SIRET: remove it, or add its SIRET; "
                + "if it is another client, say --allow-same-name."
        }
    }

    /// Of operations on clients that exist.
    private var changeCure: String {
        switch self {
        case .descriptionPlaceholder:
            "The description is what a program writes for \"nothing\": to clear it write \(FieldSpec.null), "
                + "to leave it as it is empty the cell."
        case .nameCannotBeCleared:
            "A client cannot be without a name: write one, or empty the cell to leave it as it is."
        case .clientMissing: "The row names no client: write its uid or its SIRET."
        case .uidMalformed: "A uid looks like 0f8fad5b-d9cb-469f-a165-70867728950e: copy it whole."
        default: "An earlier row has the same uid: keep one of them."
        }
    }

    /// Of PDP configurations.
    private var pdpCure: String {
        switch self {
        case .urlMalformed: "This is no web address: write it whole, such as https://pdp.example/flows."
        case .textMalformed:
            "The text holds a line break or another control character, or is what a program writes for \"nothing\": "
                + "write it as the PDP gave it, or empty the cell."
        case .yesOrNoMissing: "Only yes or no can stand here: write oui or non, true or false, or empty the cell."
        default: "There are two modes: write fernet or double, or empty the cell to leave the mode as it is."
        }
    }

    private var siretCure: String {
        switch self {
        case .siretScientific:
            "Excel rounded this SIRET and its digits are lost: export the original again, with this column as Text."
        case .siretLeadingZero: "The SIRET lost its leading zero: write it with 14 digits, or say --fix."
        case .siretIsSiren:
            "This is a SIREN (9 digits), which names a company: write the SIRET (14 digits) of the establishment."
        case .siretLength: "A SIRET has 14 digits: write all of them, or leave the cell empty."
        case .siretCharacters: "A SIRET holds digits only: write its 14 digits, or leave the cell empty."
        default: "The SIRET's check digits are wrong: look for a mistyped digit."
        }
    }
}

/// One thing that is wrong with one row.
package struct RowIssue: Sendable, Hashable {
    /// The physical line on which the row begins, from 1.
    package let line: Int
    /// The column's header; empty when the whole row is meant.
    package let column: String
    package let code: IssueCode
    /// The code's cure, with what is special about this row. It may quote a repaired value: for the file's owner, not
    /// for logs.
    package let message: String
    /// The beginning of the cell as it stands in the file; `nil` when it is blank, may be a secret, or the whole row is meant.
    package let value: String?
}
