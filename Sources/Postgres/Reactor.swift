import Foundation
import Synchronization

/// Something that waits for a socket, a moment, or both.
protocol Watched: AnyObject, Sendable {
    /// What to wait for now. Asked before every wait.
    func interest() -> Interest

    /// Called when the socket is ready or the deadline has passed, on the reactor's thread: it must not block.
    func handle(_ events: Int16, at now: ContinuousClock.Instant)
}

struct Interest {
    /// -1: no socket.
    var descriptor: Int32 = -1
    /// `POLLIN`, `POLLOUT`.
    var events: Int16 = 0
    var deadline: ContinuousClock.Instant?
}

/// The one thread of the process that waits for every Postgres socket and every deadline.
///
/// A blocking libpq call on the cooperative pool would stop unrelated tasks, and a thread a connection could wait for
/// an answer or a deadline but not for both.
final class Reactor: Sendable {
    static let shared = Reactor()

    private struct State {
        var watched: [ObjectIdentifier: any Watched] = [:]
        var changed = false
        /// When the thread wakes at the latest. `nil`: only when told. It is never later than what was promised once,
        /// so that a caller whose deadline lies behind it need not wake the thread.
        var wakeTime: ContinuousClock.Instant?
    }

    private let state = Mutex(State())
    private let wakeRead: Int32
    private let wakeWrite: Int32

    private init() {
        var ends: [Int32] = [0, 0]
        precondition(pipe(&ends) == 0, "no file descriptor is left for the Postgres reactor: raise ulimit -n")
        for end in ends {
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
        }
        (wakeRead, wakeWrite) = (ends[0], ends[1])
        let thread = Thread { [self] in run() }
        thread.name = "postgres"
        thread.start()
    }

    /// Does nothing when it is there already.
    func add(_ watched: any Watched) {
        let isNew = state.withLock { state in
            guard state.watched.updateValue(watched, forKey: ObjectIdentifier(watched)) == nil else { return false }
            state.changed = true
            return true
        }
        if isNew { wake() }
    }

    /// `handle` may be called once more by a round that has already begun.
    func remove(_ watched: any Watched) {
        state.withLock { state in
            state.watched[ObjectIdentifier(watched)] = nil
            state.changed = true
        }
        wake()
    }

    /// Makes the thread ask every `interest()` again now.
    func wake() {
        var byte: UInt8 = 0
        // A full pipe wakes as well.
        _ = write(wakeWrite, &byte, 1)
    }

    /// Makes the thread ask again no later than `deadline`. Call it after `interest()` has come to tell so.
    func wake(by deadline: ContinuousClock.Instant) {
        let sleepsLonger = state.withLock { state in state.wakeTime.map { deadline < $0 } ?? true }
        if sleepsLonger { wake() }
    }

    private func run() -> Never {
        var watched: [any Watched] = []
        var interests: [Interest] = []
        var sockets: [pollfd] = []
        while true {
            state.withLock { state in
                if state.changed {
                    watched = Array(state.watched.values)
                    state.changed = false
                }
                if let time = state.wakeTime, time <= .now { state.wakeTime = nil }
            }
            interests.removeAll(keepingCapacity: true)
            sockets.removeAll(keepingCapacity: true)
            for one in watched {
                let interest = one.interest()
                interests.append(interest)
                sockets.append(pollfd(fd: interest.descriptor, events: interest.events, revents: 0))
            }
            sockets.append(pollfd(fd: wakeRead, events: Int16(POLLIN), revents: 0))

            _ = poll(&sockets, nfds_t(sockets.count), timeout(interests))

            if sockets[watched.count].revents != 0 { drainWakeUps() }
            let now = ContinuousClock.now
            for (index, interest) in interests.enumerated() {
                let events = sockets[index].revents
                if events != 0 || interest.deadline.map({ $0 <= now }) == true {
                    watched[index].handle(events, at: now)
                }
            }
        }
    }

    /// Milliseconds until the nearest deadline, rounded up; -1 for ever.
    private func timeout(_ interests: [Interest]) -> Int32 {
        let nearest = interests.lazy.compactMap(\.deadline).min()
        let time = state.withLock { state in
            state.wakeTime = [state.wakeTime, nearest].compactMap(\.self).min()
            return state.wakeTime
        }
        guard let time else { return -1 }
        return Int32(clamping: max(0, (time - .now).milliseconds))
    }

    private func drainWakeUps() {
        var bytes = [UInt8](repeating: 0, count: 256)
        while read(wakeRead, &bytes, bytes.count) == bytes.count {}
    }
}
