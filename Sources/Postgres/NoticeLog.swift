import CLibpq
import Logging

/// Passes the server's notices and warnings to the log. libpq alone would write them on standard error.
final class NoticeLog: Sendable {
    private let logger: Logger

    init(logger: Logger) {
        self.logger = logger
    }

    /// - Parameter session: Must not outlive this object.
    func listen(to session: OpaquePointer) {
        PQsetNoticeReceiver(
            session,
            { context, result in
                guard let context, let words = PQresultErrorField(result, Int32(UInt8(ascii: "M"))) else { return }
                Unmanaged<NoticeLog>.fromOpaque(context).takeUnretainedValue().write(String(cString: words))
            },
            Unmanaged.passUnretained(self).toOpaque()
        )
    }

    private func write(_ words: String) {
        logger.debug("PostgreSQL notice", metadata: ["notice": "\(words)"])
    }
}
