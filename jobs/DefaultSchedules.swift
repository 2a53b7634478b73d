/// `schedules.yaml` of this folder, which is part of the binary. Who reads it, and how, is not known here.
package enum DefaultSchedules {
    package static let name = "jobs/schedules.yaml"

    package static var text: String { String(decoding: PackageResources.schedules_yaml, as: UTF8.self) }
}
