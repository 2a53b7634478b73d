/// How the program ends. The numbers are fixed: scripts rely on them. Those from 64 are sysexits.h.
enum ExitStatus: Int32, Sendable {
    case done = 0
    /// Done, but some rows failed or need review.
    case troubled = 1
    case usage = 64
    case badInput = 65
    /// The API or the database.
    case unavailable = 69
    case bug = 70
    /// Not done now, may work later.
    case tryLater = 75
    case credentialsRefused = 77
    case configuration = 78
}
