/// How strictly a SIRET is judged.
package enum SiretCheck: String, Sendable, Hashable, CaseIterable {
    /// 14 digits with right check digits: what real companies have.
    case luhn
    /// 14 digits: for made-up numbers against a sandbox.
    case format
}

/// What the person who imports a file may choose.
package struct FileOptions: Sendable, Hashable {
    /// `nil`: found out from the bytes.
    package var encoding: TextEncoding?
    /// `nil`: found out from the first records.
    package var delimiter: Delimiter?
    /// Field to column, the column by its name or its place (`#3`). Fields that are not here are found by their header.
    package var columns: [String: String]
    /// Applies repairs that lose nothing, such as the leading zero that Excel dropped from a SIRET.
    package var fix: Bool
    package var siretCheck: SiretCheck
    /// Replaces a webhook secret that is there.
    package var rotate: Bool
    /// Lets several rows without SIRET carry the same name.
    package var allowSameName: Bool
    /// The longest record, in bytes of UTF-8. One record is the only part of a file that must fit in memory.
    package var recordLimit: Int

    package init(
        encoding: TextEncoding? = nil,
        delimiter: Delimiter? = nil,
        columns: [String: String] = [:],
        fix: Bool = false,
        siretCheck: SiretCheck = .luhn,
        rotate: Bool = false,
        allowSameName: Bool = false,
        recordLimit: Int = 1 << 20
    ) {
        self.encoding = encoding
        self.delimiter = delimiter
        self.columns = columns
        self.fix = fix
        self.siretCheck = siretCheck
        self.rotate = rotate
        self.allowSameName = allowSameName
        self.recordLimit = recordLimit
    }
}
