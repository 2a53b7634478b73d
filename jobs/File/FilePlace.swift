import Foundation

/// Where a file is, whatever its path looks like.
package enum FilePlace {
    /// The path to write to, so that a symbolic link goes on leading to its file: where it leads, also when nothing is there
    /// yet.
    package static func target(of path: String) -> String {
        var path = path
        // As many as the kernel follows.
        for _ in 0..<40 {
            guard let link = try? FileManager.default.destinationOfSymbolicLink(atPath: path) else { return path }
            let folder = (path as NSString).deletingLastPathComponent as NSString
            path = link.hasPrefix("/") ? link : folder.appendingPathComponent(link)
        }
        return path
    }

    /// Whether two paths lead to one file: by links of either kind, or because they would once it is written.
    package static func isSame(_ first: String, _ second: String) -> Bool {
        if let first = identity(first), let second = identity(second) { return first == second }
        let (first, second) = (target(of: first) as NSString, target(of: second) as NSString)
        guard first.lastPathComponent == second.lastPathComponent else { return false }
        let folders = [first, second].map { $0.deletingLastPathComponent }.map { identity($0.isEmpty ? "." : $0) }
        return folders[0] != nil && folders[0] == folders[1]
    }

    private struct Identity: Equatable {
        let device: UInt64
        let inode: UInt64
    }

    private static func identity(_ path: String) -> Identity? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return Identity(device: UInt64(truncatingIfNeeded: status.st_dev), inode: UInt64(status.st_ino))
    }
}
