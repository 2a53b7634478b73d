import Foundation

/// Runs what blocks (a host name's resolution, a connection attempt, a cancel request) on a thread of its own, so
/// that neither the cooperative pool nor another such call waits for it.
func onThread<T: Sendable>(_ body: @escaping @Sendable () -> T) async -> T {
    await withUnsafeContinuation { continuation in
        Thread.detachNewThread { continuation.resume(returning: body()) }
    }
}
