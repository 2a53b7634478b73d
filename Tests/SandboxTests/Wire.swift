import NIOCore
import NIOPosix

/// What a bare TCP socket sees, with no HTTP client in between.
enum Wire {
    /// Sends the text and returns every byte received until the server closes.
    static func exchange(port: Int, _ text: String) async throws -> String {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            try await outbound.write(ByteBuffer(string: text))
            var received = ""
            for try await bytes in inbound { received += String(buffer: bytes) }
            return received
        }
    }
}
