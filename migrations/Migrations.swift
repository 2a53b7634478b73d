/// The numbered SQL files of this folder, embedded in the binary. Who applies them, and how, is not known here.
package enum Migrations {
    /// Every file, in order. A file that has been released is never changed; a new one is added.
    package static let all: [(version: Int, name: String, sql: String)] = [
        (1, "job_queue", text(PackageResources._001_job_queue_sql)),
        (2, "bulk_runs", text(PackageResources._002_bulk_runs_sql)),
        (3, "key_vault", text(PackageResources._003_key_vault_sql)),
        (5, "sync", text(PackageResources._005_sync_sql)),
        (6, "reporting", text(PackageResources._006_reporting_sql)),
        (7, "schedules", text(PackageResources._007_schedules_sql)),
        (8, "bulk_hints", text(PackageResources._008_bulk_hints_sql)),
        (10, "key_campaigns", text(PackageResources._010_key_campaigns_sql)),
    ]

    private static func text(_ bytes: [UInt8]) -> String {
        String(decoding: bytes, as: UTF8.self)
    }
}
