/// Why the vault did not do what was asked. Every description is fit for a log and says what to do next.
package enum VaultError: Error, Sendable, Equatable {
    case kekFile(path: String, reason: String)
    case kekCommand(String)
    case kekMalformed(String)
    /// A text was sealed under a KEK that is not in the key file.
    case kekUnknown(KeyEncryptionKey.ID)
    /// The current KEK was retired before.
    case kekRetired(KeyEncryptionKey.ID)
    case kekInUse(KeyEncryptionKey.ID, reason: String)
    /// The text belongs to another secret, or was changed.
    case doesNotOpen(SecretName)
    case escrow(path: String, reason: String)
    /// There is nothing to restore from.
    case escrowEmpty(path: String)
    /// The escrow file has keys of a deployment that this database does not know.
    case escrowOfAnother(path: String)
}

extension VaultError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .kekFile(let path, let reason): "cannot use the KEK file \(path): \(reason); check FACTPULSE_KEK_FILE"
        case .kekCommand(let reason): "the KEK command gave no key: \(reason); check FACTPULSE_KEK_COMMAND"
        case .kekMalformed(let reason):
            "this is no key-encryption key: \(reason); write 32 random bytes, raw or as one line of base64"
        case .kekUnknown(let id):
            "a secret is sealed under the KEK \(id), which the KEK file does not have; put its line back, below the first"
        case .kekRetired(let id):
            "the KEK \(id) was retired and seals nothing any more; put another key on the first line of the KEK file"
        case .kekInUse(let id, let reason): "the KEK \(id) cannot be retired: \(reason); run keys rewrap first"
        case .doesNotOpen(let name):
            "\(name) does not open: its row was changed or swapped, or the KEK is another deployment's; "
                + "run keys verify-escrow to see whether the escrow file still has it"
        case .escrow(let path, let reason):
            "cannot use the escrow file \(path): \(reason); no key was sent anywhere; see to its disk and its rights, and try again"
        case .escrowEmpty(let path):
            "the escrow file \(path) does not exist or has no line; nothing was restored; set FACTPULSE_ESCROW_FILE to the file that "
                + "the workers wrote, or to its backup"
        case .escrowOfAnother(let path):
            "the escrow file \(path) has keys that this database does not know; was the database restored? Run keys restore"
        }
    }
}
