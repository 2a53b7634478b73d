extension PostgresError {
    /// The server's message and hint, for a person who typed the values that they may quote. Not for logs.
    package var serverSentence: String {
        hint.map { "\(message). \($0)" } ?? message
    }
}
