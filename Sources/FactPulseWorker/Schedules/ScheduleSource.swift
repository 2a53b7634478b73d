import Foundation
import JobQueue
import Jobs

/// Where a worker's schedules come from.
enum ScheduleSource: Sendable, Equatable {
    /// `jobs/schedules.yaml`, as it was when this program was built.
    case embedded
    case file(String)
    /// This worker leaves the schedules of the database alone.
    case none

    /// - Parameter text: A path, or `none`; `nil`: the default.
    init(_ text: String?) {
        self = text.map { $0 == "none" ? .none : .file($0) } ?? .embedded
    }

    /// - Throws: ``ScheduleFileError``.
    func read() throws(ScheduleFileError) -> [Schedule] {
        let kinds = Catalogue.policies.map(\.kind.rawValue)
        switch self {
        case .none: return []
        case .embedded:
            return try ScheduleFile(name: DefaultSchedules.name, kinds: kinds).parse(DefaultSchedules.text)
        case .file(let path):
            guard let data = FileManager.default.contents(atPath: path) else {
                throw ScheduleFileError(path, line: nil, "cannot be read: check the path and its permissions")
            }
            guard let text = String(data: data, encoding: .utf8) else {
                throw ScheduleFileError(path, line: nil, "is not UTF-8: save it as UTF-8")
            }
            return try ScheduleFile(name: path, kinds: kinds).parse(text)
        }
    }
}
