import Foundation
import Postgres
import Sandbox
import TestSupport
import Testing

/// A disk that is full, and places that cannot be written: told with the cure, and no half of a file left.
@Suite(.database)
struct CLIDiskTests {
    /// Lets a shell run the program on a disk that takes no more than a kilobyte a file.
    private static let small = #"ulimit -f 1; exec "$0" "$@""#

    @Test func `a full disk ends with 75, leaves no part of a file, and keeps the file that was there`() async throws {
        try await WorkerFixture.with { fixture in
            _ = try await fixture.importClients(200)
            let target = try fixture.programs.write("before", to: "result.csv")
            let program = try fixture.programs.path("factpulse-worker")
            let ended = try await fixture.programs.run(
                "/bin/bash",
                ["-c", Self.small, program, "bulk-runs", "rows", "1", "--output", target],
                environment: fixture.settings
            )
            expectFailure(ended, 75, "free some space", target)
            #expect(try String(contentsOfFile: target, encoding: .utf8) == "before")
            #expect(!FileManager.default.fileExists(atPath: "\(target).part"))

            let bad = try fixture.programs.write(
                "nom;siret\n" + (1...200).map { "A;\($0)\n" }.joined(),
                to: "bad.csv"
            )
            let errors = fixture.programs.folder.appending(path: "errors.csv").path(percentEncoded: false)
            let refused = try await fixture.programs.run(
                "/bin/bash",
                ["-c", Self.small, program, "bulk", "create-clients", bad, "--dry-run", "--errors", errors],
                environment: fixture.settings
            )
            expectFailure(refused, 75, "free some space", errors)
            #expect(!FileManager.default.fileExists(atPath: errors))
            #expect(!FileManager.default.fileExists(atPath: "\(errors).part"))
        }
    }

    @Test func `a full disk behind standard output ends with 75, and a reader that leaves ends with 0`() async throws {
        try await WorkerFixture.with { fixture in
            _ = try await fixture.importClients(3_000)
            let program = try fixture.programs.path("factpulse-worker")
            let full = try await fixture.programs.run(
                "/bin/bash",
                ["-c", #"exec "$0" bulk-runs rows 1 >/dev/full"#, program],
                environment: fixture.settings
            )
            expectFailure(full, 75, "free some space")
            let left = try await fixture.programs.run(
                "/bin/bash",
                ["-c", #""$0" bulk-runs rows 1 | head -1; exit "${PIPESTATUS[0]}""#, program],
                environment: fixture.settings
            )
            #expect(left.exit == .code(0) && left.stderr.isEmpty, "\(left.stderr)")
        }
    }

    @Test func `the file that is read is never written, whatever it is called`() async throws {
        try await WorkerFixture.with { fixture in
            let text = "nom;siret\nA;\nB;12\n"
            let file = try fixture.programs.write(text, to: "a.csv")
            let folder = fixture.programs.folder.path(percentEncoded: false)
            #expect(symlink("a.csv", "\(folder)/soft.csv") == 0 && link(file, "\(folder)/hard.csv") == 0)
            #expect(link(file, "\(folder)/b.csv.part") == 0)
            for target in ["a.csv", "soft.csv", "hard.csv", "./a.csv", "b.csv"] {
                for option in ["--errors", "--result"] {
                    let ended = try await fixture.command(
                        "bulk",
                        "create-clients",
                        file,
                        "--skip-invalid",
                        "--wait",
                        option,
                        target
                    )
                    expectFailure(ended, 64, "overwrite the file that is read", option)
                }
            }
            let both = try await fixture.command(
                "bulk",
                "create-clients",
                file,
                "--wait",
                "--errors",
                "out.csv",
                "--result",
                "./out.csv"
            )
            expectFailure(both, 64, "name two")
            #expect(try String(contentsOfFile: file, encoding: .utf8) == text)
            try await fixture.expectNothingBegun()
        }
    }

    @Test func `a result that cannot be written is told before anything is begun`() async throws {
        try await WorkerFixture.with { fixture in
            let file = try fixture.programs.write("nom;siret\nA;\n", to: "a.csv")
            let folder = fixture.programs.folder.path(percentEncoded: false)
            for target in ["\(folder)/none/result.csv", "/dev/full", folder] {
                let ended = try await fixture.command("bulk", "create-clients", file, "--wait", "--result", target)
                expectFailure(ended, 64, target, "name a file in a folder")
                let errors = try await fixture.command("bulk", "create-clients", file, "--dry-run", "--errors", target)
                expectFailure(errors, 64, target)
            }
            try await fixture.expectNothingBegun()
            #expect(FileManager.default.fileExists(atPath: "/dev/full"))
        }
    }
}
