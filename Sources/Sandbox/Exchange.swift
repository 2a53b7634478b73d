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
        let plan = await world.admit(call)
        if plan.latency > .zero { try await Task.sleep(for: plan.latency) }
        guard let fault = plan.ending else { return try await served(plan) { try Response($0) } }
        switch fault.kind {
        case .rateLimit, .throttle:
            return try await send(refusal(fault, 429, plan.retryAfter), plan)
        case .status:
            return try await send(refusal(fault, 503, plan.retryAfter), plan)
        case .errorShape:
            return try await send(refusal(fault, 400, plan.retryAfter), plan)
        case .statusAfter:
            _ = try await world.perform(call)
            return try await send(refusal(fault, 502, plan.retryAfter), plan)
        case .cutBefore:
            throw try await cut(plan)
        case .cutAfter:
            _ = try await world.perform(call)
            throw try await cut(plan)
        case .lateCommit:
            return try await commitLate(fault, plan)
        case .cutInside, .truncate, .notJSON, .wrongType, .slowBody, .emptyPage, .splitRotation:
            return try await spoiled(fault, plan)
        case .latency, .expireTokens, .change, .churn:
            preconditionFailure("\(fault.kind) does not end a request")
        }
    }

    /// The effect, then its answer as the fault leaves it.
    private func spoiled(_ fault: FaultRule, _ plan: FaultPlan) async throws -> Response {
        var call = call
        call.splitsRotation = fault.kind == .splitRotation
        return try await served(plan, call) { answer in
            switch fault.kind {
            case .cutInside: return try brokenOff(answer)
            case .truncate:
                let bytes = try answer.encoded()
                return Response(answer, bytes: bytes.prefix(bytes.count / 2))
            case .notJSON: return try Response(Answer.html(answer.status, "Everything is fine"))
            case .wrongType:
                var response = try Response(answer)
                response.headers[.contentType] = fault.contentType
                return response
            case .slowBody: return try slowly(answer, over: .milliseconds(fault.milliseconds))
            case .emptyPage: return try Response(answer.withoutResults())
            default: return try Response(answer)
            }
        }
    }

    private func served(
        _ plan: FaultPlan,
        _ changed: Call? = nil,
        _ render: (Answer) throws -> Response
    ) async throws -> Response {
        let answer = try await world.perform(changed ?? call)
        let response = try render(answer)
        await world.answered(plan.request, plan.ending?.kind == .cutInside ? "cut" : "\(answer.status)")
        return response
    }

    private func send(_ answer: Answer, _ plan: FaultPlan) async throws -> Response {
        await world.answered(plan.request, "\(answer.status)")
        return try Response(answer)
    }

    private func refusal(_ fault: FaultRule, _ usual: Int, _ wait: Duration) -> Answer {
        let status = fault.kind == .rateLimit || fault.kind == .throttle || fault.status == 0 ? usual : fault.status
        let words = fault.echoes ? call.quoted : "The sandbox was told to fail here"
        var answer = fault.shape.answer(status, code: "SANDBOX_FAULT", message: words)
        let seconds = Int((wait / .seconds(1)).rounded(.up))
        switch fault.retryAfter {
        case .none: break
        case .seconds: answer.headers[.retryAfter] = "\(seconds)"
        case .date: answer.headers[.retryAfter] = HTTPDate.text(Date(timeIntervalSinceNow: Double(seconds)))
        }
        return answer
    }

    /// Closes the connection before a byte of an answer is written; what is thrown then has nowhere to go.
    private func cut(_ plan: FaultPlan) async throws -> any Error {
        await world.answered(plan.request, "cut")
        try await channel.close()
        return ConnectionCut()
    }

    /// The caller's wait and the effect's delay both count from the request, so either may come first.
    private func commitLate(_ fault: FaultRule, _ plan: FaultPlan) async throws -> Response {
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
            let gone = try await cut(plan)
            try await performLater(restOfDelay)
            throw gone
        }
        let answer = refusal(fault, fault.status, .zero)
        await world.answered(plan.request, "\(answer.status)")
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

    /// Half of the body that the head announces, then the connection closes.
    private func brokenOff(_ answer: Answer) throws -> Response {
        let bytes = try answer.encoded()
        let channel = channel
        var response = try Response(answer)
        response.body = ResponseBody(contentLength: bytes.count) { writer in
            try await writer.write(ByteBuffer(bytes: bytes.prefix(bytes.count / 2)))
            try await channel.close()
            throw ConnectionCut()
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
