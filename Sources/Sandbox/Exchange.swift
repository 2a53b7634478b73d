import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

/// One request to an operation and what becomes of it under the faults in force.
struct Exchange: Sendable {
    private struct ConnectionCut: Error {}

    let world: SandboxWorld
    let call: Call
    let channel: any Channel

    func response() async throws -> Response {
        let plan = await world.admit(call.operation)
        if plan.latency > .zero { try await Task.sleep(for: plan.latency) }
        guard let fault = plan.ending else { return try await served { try Response($0) } }
        switch fault.kind {
        case .rateLimit, .throttle:
            return try await send(refusal(fault, 429, plan.retryAfter))
        case .status:
            return try await send(refusal(fault, 503, plan.retryAfter))
        case .errorShape:
            return try await send(refusal(fault, 400, plan.retryAfter))
        case .statusAfter:
            _ = try await world.perform(call)
            return try await send(refusal(fault, 502, plan.retryAfter))
        case .cutBefore:
            throw try await cut()
        case .cutAfter:
            _ = try await world.perform(call)
            throw try await cut()
        case .lateCommit:
            return try await commitLate(fault)
        case .truncate:
            return try await served { answer in
                let bytes = try answer.encoded()
                return Response(answer, bytes: bytes.prefix(bytes.count / 2))
            }
        case .notJSON:
            return try await served { try Response(Answer.html($0.status, "Everything is fine")) }
        case .slowBody:
            return try await served { try slowly($0, over: .milliseconds(fault.milliseconds)) }
        case .latency, .expireTokens:
            preconditionFailure("\(fault.kind) does not end a request")
        }
    }

    /// The effect, then its answer, changed on the way out.
    private func served(_ render: (Answer) throws -> Response) async throws -> Response {
        let answer = try await world.perform(call)
        await world.answered(call.operation, "\(answer.status)")
        return try render(answer)
    }

    private func send(_ answer: Answer) async throws -> Response {
        await world.answered(call.operation, "\(answer.status)")
        return try Response(answer)
    }

    private func refusal(_ fault: FaultRule, _ usual: Int, _ wait: Duration) -> Answer {
        let status = fault.kind == .rateLimit || fault.kind == .throttle || fault.status == 0 ? usual : fault.status
        var answer = fault.shape.answer(status, code: "SANDBOX_FAULT", message: "The sandbox was told to fail here")
        let seconds = Int((wait / .seconds(1)).rounded(.up))
        switch fault.retryAfter {
        case .none: break
        case .seconds: answer.headers[.retryAfter] = "\(seconds)"
        case .date: answer.headers[.retryAfter] = HTTPDate.text(Date(timeIntervalSinceNow: Double(seconds)))
        }
        return answer
    }

    /// Closes the connection before a byte of an answer is written; what is thrown then has nowhere to go.
    private func cut() async throws -> any Error {
        await world.answered(call.operation, "cut")
        try await channel.close()
        return ConnectionCut()
    }

    /// The caller's wait and the effect's delay both count from the request, so either may come first.
    private func commitLate(_ fault: FaultRule) async throws -> Response {
        let (hold, delay) = (Duration.seconds(fault.hold), Duration.seconds(fault.delay))
        if delay <= hold {
            try await Task.sleep(for: delay)
            _ = try await world.perform(call)
            try await Task.sleep(for: hold - delay)
        } else {
            try await Task.sleep(for: hold)
        }
        let restOfDelay = max(.zero, delay - hold)
        guard fault.status != 0 else {
            let gone = try await cut()
            try await performLater(restOfDelay)
            throw gone
        }
        let answer = refusal(fault, fault.status, .zero)
        await world.answered(call.operation, "\(answer.status)")
        return try answered(answer) { try await performLater(restOfDelay) }
    }

    private func performLater(_ delay: Duration) async throws {
        guard delay > .zero else { return }
        try await Task.sleep(for: delay)
        _ = try await world.perform(call)
    }

    /// Sends the whole answer, closes the connection, and only then runs `afterwards`, still in the request's task.
    private func answered(_ answer: Answer, then afterwards: @escaping @Sendable () async throws -> Void) throws
        -> Response
    {
        let bytes = ByteBuffer(bytes: try answer.encoded())
        let channel = channel
        var response = try Response(answer)
        response.headers[.connection] = "close"
        response.body = ResponseBody(contentLength: bytes.readableBytes) { writer in
            try await writer.write(bytes)
            try await writer.finish(nil)
            try await channel.close()
            try await afterwards()
        }
        return response
    }

    private func slowly(_ answer: Answer, over duration: Duration) throws -> Response {
        let bytes = try answer.encoded()
        var response = try Response(answer)
        let size = max(1, bytes.count / 10)
        response.body = ResponseBody(contentLength: bytes.count) { writer in
            var rest = bytes[...]
            while !rest.isEmpty {
                try await writer.write(ByteBuffer(bytes: rest.prefix(size)))
                rest = rest.dropFirst(size)
                try await Task.sleep(for: duration / 10)
            }
            try await writer.finish(nil)
        }
        return response
    }
}
