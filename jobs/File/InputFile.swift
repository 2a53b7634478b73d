#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

/// An open plain file that is read by position, so that several readers may share it. Closed when the last one goes.
///
/// Reading blocks the thread: never call from the cooperative pool.
final class InputFile: Sendable {
    private let descriptor: Int32
    private let stamp: Stamp

    /// In bytes.
    var size: Int { stamp.size }

    /// - Throws: `.notFound`, `.noPermission`, `.isDirectory`, `.notAFile` or `.cannotRead`; nothing stays open.
    init(path: String) throws(FileError) {
        // Without O_NONBLOCK, opening a named pipe would wait for its writer for ever.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw Self.error(errno) }
        do {
            self.stamp = try Self.stamp(of: descriptor)
        } catch {
            close(descriptor)
            throw error
        }
        self.descriptor = descriptor
    }

    deinit {
        close(descriptor)
    }

    /// Fills `buffer` from `offset` as far as the file goes.
    /// - Returns: How many bytes were read; less than asked for only at the end of the file.
    func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(FileError) -> Int {
        var done = 0
        while done < buffer.count {
            let count = pread(descriptor, buffer.baseAddress! + done, buffer.count - done, off_t(offset + done))
            if count == 0 { break }
            if count > 0 {
                done += count
            } else if errno != EINTR {
                throw Self.error(errno)
            }
        }
        return done
    }

    /// - Throws: `.changedWhileReading` when the file is not what it was at opening: what was read may be half of each.
    func checkUnchanged() throws(FileError) {
        guard try Self.stamp(of: descriptor) == stamp else { throw .changedWhileReading }
    }

    /// The physical line that holds the byte at `offset`, from 1. Reads all before it: for error messages only.
    func line(at offset: Int) throws(FileError) -> Int {
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        var position = 0
        var feeds = 0
        var returns = 0
        while position < offset {
            let count = try fill(&chunk, at: position, limit: offset - position)
            if count == 0 { break }
            for index in 0..<count {
                if chunk[index] == UInt8(ascii: "\n") { feeds += 1 }
                if chunk[index] == UInt8(ascii: "\r") { returns += 1 }
            }
            position += count
        }
        // Old Mac files have returns only.
        return 1 + (feeds > 0 ? feeds : returns)
    }

    /// Reads at most `limit` bytes into the front of `chunk`.
    func fill(_ chunk: inout [UInt8], at offset: Int, limit: Int = .max) throws(FileError) -> Int {
        var outcome: Result<Int, FileError> = .success(0)
        chunk.withUnsafeMutableBytes { bytes in
            let part = UnsafeMutableRawBufferPointer(rebasing: bytes[..<min(bytes.count, limit)])
            outcome = Result { () throws(FileError) in try read(at: offset, into: part) }
        }
        return try outcome.get()
    }

    /// Turns the system's error number into ours.
    static func error(_ number: Int32) -> FileError {
        switch number {
        case ENOENT, ENOTDIR: .notFound
        case EACCES, EPERM: .noPermission
        case EISDIR: .isDirectory
        case ENXIO: .notAFile
        default: .cannotRead(reason: String(cString: strerror(number)))
        }
    }

    private struct Stamp: Equatable {
        var size: Int
        var seconds: Int
        var nanoseconds: Int
    }

    private static func stamp(of descriptor: Int32) throws(FileError) -> Stamp {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw Self.error(errno) }
        switch status.st_mode & S_IFMT {
        case S_IFREG: break
        case S_IFDIR: throw .isDirectory
        default: throw .notAFile
        }
        #if canImport(Darwin)
            let time = status.st_mtimespec
        #else
            let time = status.st_mtim
        #endif
        return Stamp(size: Int(status.st_size), seconds: Int(time.tv_sec), nanoseconds: Int(time.tv_nsec))
    }
}
