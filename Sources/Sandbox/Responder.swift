import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

/// What the sandbox keeps of a connection: the channel, so that a fault can cut it.
struct ConnectionContext: InitializableFromSource {
    let channel: any Channel

    init(source: ApplicationRequestContextSource) { channel = source.channel }
}

/// Routes one request. Hummingbird's own router is not used: it takes `/a` and `/a/` for the same.
struct Responder: HTTPResponder {
    typealias Context = ConnectionContext
    let world: SandboxWorld

    private static let largestBody = 64 << 20

    @concurrent
    func respond(to request: Request, context: ConnectionContext) async throws -> Response {
        let body = Data(try await request.body.collect(upTo: Self.largestBody).readableBytesView)
        let query = Dictionary(request.uri.queryParameters.map { (String($0.key), String($0.value)) }) { $1 }
        switch Route(request.method, request.uri.path) {
        case .operation(let operation, let uid):
            let call = Call(operation: operation, uid: uid, query: query, headers: request.headers, body: body)
            return try await Exchange(world: world, call: call, channel: context.channel).response()
        case .admin(let path):
            let admin = Admin(world: world)
            return try Response(await admin.answer(request.method, path, query: query, body: body))
        case .redirect(let path):
            let suffix = request.uri.query.map { "?\($0)" } ?? ""
            return Response(status: .temporaryRedirect, headers: [.location: path + suffix])
        case .methodNotAllowed:
            return try Response(Refusal(405, "Method Not Allowed").answer)
        case .notFound:
            return try Response(Refusal(404, "Not Found").answer)
        }
    }
}

extension Response {
    init(_ answer: Answer) throws {
        self.init(answer, bytes: try answer.encoded())
    }

    /// - Parameter bytes: Sent in place of the answer's own body.
    init(_ answer: Answer, bytes: Data) {
        var headers = answer.headers
        headers[.contentType] = answer.contentType
        self.init(
            status: .init(code: answer.status),
            headers: headers,
            body: .init(byteBuffer: ByteBuffer(bytes: bytes))
        )
    }
}
