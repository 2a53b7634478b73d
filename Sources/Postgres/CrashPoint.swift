#if DEBUG
    import Foundation
    import Synchronization
#endif

/// Places where a test lets a real process die, to see what becomes of its work.
///
/// Only in debug builds, and only at the place that `FACTPULSE_CRASH_AT` names. A release build knows nothing of it.
package enum CrashPoint {
    #if DEBUG
        private static let armed = Mutex<String?>(nil)

        /// - Parameter name: Where this process is to die; `nil`: nowhere.
        package static func arm(_ name: String?) { armed.withLock { $0 = name } }
    #endif

    /// Dies here as by `kill -9`, when this is the place. The tests of all of them: CrashPointTests.
    @inline(__always)
    package static func reached(_ name: StaticString) {
        #if DEBUG
            if armed.withLock({ $0 }) == name.description { kill(getpid(), SIGKILL) }
        #endif
    }
}
