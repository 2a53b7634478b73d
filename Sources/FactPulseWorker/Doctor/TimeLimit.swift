/// Waits until some work is done, but no longer than a limit.
///
/// Work that is late is cancelled and left behind. A name resolver that hangs cannot be interrupted; the program ends
/// soon after and takes it along.
func spend(atMost limit: Duration, on work: @escaping @Sendable () async -> Void) async {
    let (end, signal) = AsyncStream.makeStream(of: Void.self)
    let worker = Task {
        await work()
        signal.finish()
    }
    let clock = Task {
        try? await Task.sleep(for: limit)
        signal.finish()
    }
    for await _ in end {}
    worker.cancel()
    clock.cancel()
}
