/// One value that an operation takes from a row: how to find its column, and how to clean and judge a cell.
package struct FieldSpec: Sendable {
    /// The name in `--map NAME=COLUMN` and in results.
    package let name: String
    /// Headers that mean this field. Case, accents, spaces and punctuation do not count.
    package let aliases: [String]
    /// The issue of a row whose cell is blank; `nil` when the field may be left out.
    package let missing: IssueCode?
    /// Its cells are secrets: they are kept nowhere but in the vault.
    package let isSecret: Bool
    /// Cleans one cell into a value and notes what is wrong with it.
    package let check: Check

    /// Reads the UTF-8 bytes of a cell. `value` comes in empty and stays empty for a blank cell.
    package typealias Check = @Sendable (_ cell: Span<UInt8>, _ options: FileOptions, _ value: inout FieldValue) -> Void

    package init(
        name: String,
        aliases: [String],
        missing: IssueCode? = nil,
        isSecret: Bool = false,
        check: @escaping Check
    ) {
        self.name = name
        self.aliases = aliases
        self.missing = missing
        self.isSecret = isSecret
        self.check = check
    }
}

/// What a field made of a cell. Reused from row to row, so that a good row costs no allocation.
package struct FieldValue: Sendable {
    /// The cleaned value as UTF-8; empty when there is none.
    package var bytes: [UInt8] = []
    package private(set) var issues: [(code: IssueCode, detail: String)] = []
    /// The value was repaired, as ``FileOptions/fix`` allows.
    package var wasFixed = false
    /// The cell says that the client's value is to be cleared: ``FieldSpec/null``.
    package var isNull = false

    /// - Parameter detail: Follows the code's cure in the message; empty when there is nothing to add.
    package mutating func refuse(_ code: IssueCode, _ detail: String = "") {
        issues.append((code, detail))
    }

    mutating func reset() {
        bytes.removeAll(keepingCapacity: true)
        if !issues.isEmpty { issues.removeAll() }
        wasFixed = false
        isNull = false
    }
}

/// The fields of one operation and what makes two of its rows the same.
package struct RowSchema: Sendable {
    /// Rows whose values of `field` agree are duplicates of each other.
    package struct Key: Sendable {
        package let field: String
        package let code: IssueCode
        /// Case and runs of spaces do not count. Accents do.
        package let isFolded: Bool
        /// ``FileOptions/allowSameName`` turns this key off.
        package let isOptional: Bool

        package init(field: String, code: IssueCode, isFolded: Bool = false, isOptional: Bool = false) {
            self.field = field
            self.code = code
            self.isFolded = isFolded
            self.isOptional = isOptional
        }
    }

    package let fields: [FieldSpec]
    /// A row must have a value in one of these fields, and the file a column for one. Empty: nothing is asked.
    package let oneOf: [String]
    /// The file must have columns for all fields of one of these groups: else no row of it would do anything. Empty: nothing
    /// is asked.
    package let changes: [[String]]
    package let hasSecrets: Bool
    /// In order: the first key whose field has a value decides for the row. A row for which a later one decides is also
    /// a duplicate of those that carry its value beside an earlier key: a name alone of the same name with a SIRET.
    package let keys: [Key]

    package init(fields: [FieldSpec], keys: [Key], oneOf: [String] = [], changes: [[String]] = []) {
        self.fields = fields
        self.oneOf = oneOf
        self.changes = changes
        self.hasSecrets = fields.contains(where: \.isSecret)
        self.keys = keys
    }

    /// Whether a file of one column under this header is all that the operation needs: a list of clients.
    func isList(under header: String) -> Bool {
        changes.isEmpty
            && fields.contains { field in
                oneOf.contains(field.name) && field.aliases.contains { HeaderFold.fold($0) == HeaderFold.fold(header) }
            }
    }
}
