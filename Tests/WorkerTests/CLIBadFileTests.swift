import Foundation
import Postgres
import Sandbox
import TestSupport
import Testing

/// Files that cannot be imported: one line with the cure, exit code 65, nothing begun.
@Suite(.database)
struct CLIBadFileTests {
    /// What is wrong with a file, and words of its cure.
    private static let contents: [(name: String, bytes: [UInt8], cure: String)] = [
        ("empty", [], "export it again"),
        ("empty-lines", Array("\r\n\r\n".utf8), "export it again"),
        ("no-header", Array("Société A;73282932000074\nSociété B;\n".utf8), "header"),
        ("no-name-column", Array("siret;ville\n73282932000074;Lyon\n".utf8), "--map name="),
        ("no-row", Array("nom;siret\r\n;\r\n".utf8), "no row below the header"),
        ("title", Array("Liste des clients\nnom;siret\nA;\n".utf8), "delete what stands above it"),
        ("one-column", Array("un fichier qui n'est pas un tableau\nencore une ligne\n".utf8), "--delimiter"),
        ("workbook", [0x50, 0x4B, 0x03, 0x04] + [UInt8](repeating: 7, count: 500), "CSV UTF-8"),
        ("binary", (0..<5_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }, "CSV UTF-8"),
        ("duplicate-headers", Array("nom;siret;nom\nA;;B\n".utf8), "nom"),
        ("two-name-columns", Array("nom;raison sociale\nA;B\n".utf8), "--map name="),
        ("unknown-encoding", Array("nom;siret\nA".utf8) + [0x81, 0x8D, 0x0A], "CSV UTF-8"),
        ("open-quote", Array("nom;siret\n\"A;73282932000074\nB;\n".utf8), "close it"),
        ("short-siret", Array("nom;siret\nA;123\nB;\n".utf8), "--skip-invalid"),
        ("broken-row", Array("nom;siret\r\nFoo\nbar;73282932000074\r\nB;\r\n".utf8), "2 rows cannot be sent"),
    ]

    @Test func `a file that cannot be read as clients is refused with its cure`() async throws {
        try await WorkerFixture.with { fixture in
            for (name, bytes, cure) in Self.contents {
                let file = fixture.programs.folder.appending(path: "\(name).csv")
                try Data(bytes).write(to: file)
                let path = file.path(percentEncoded: false)
                let ended = try await fixture.command("bulk", "create-clients", path)
                expectFailure(ended, 65, cure, path)
            }
            try await fixture.expectNothingBegun()
        }
    }

    @Test func `half of a file whose SIRETs are all lost is not offered`() async throws {
        try await Programs.with { programs in
            let file = try programs.write("nom;siret\nA;1,23E+13\nB;\n", to: "a.csv")
            for arguments in [["--dry-run"], []] {
                let ended = try await programs.run("factpulse-worker", ["bulk", "create-clients", file] + arguments)
                #expect(ended.exit == .code(65))
                let text = ended.stdout + ended.stderr
                #expect(text.contains("export the original again") && !text.contains("--skip-invalid"), "\(text)")
            }
        }
    }

    @Test func `SIRETs under a header that nobody knows are told, dry or not`() async throws {
        try await WorkerFixture.with { fixture in
            let file = try fixture.programs.write("nom;N° d'étab.\nA;\(SandboxWorld.siret(1))\n", to: "a.csv")
            let proposal = #"--map siret='N° d'\''étab.'"#
            let dry = try await fixture.command("bulk", "create-clients", file, "--dry-run")
            #expect(dry.exit == .code(0) && dry.stderr.contains("Warning: "))
            #expect(dry.stderr.contains(proposal), "\(dry)")
            let json = try await fixture.command("bulk", "create-clients", file, "--dry-run", "--json")
            let warnings = json.object?["file_warnings"] as? [String]
            #expect(warnings?.first?.contains(proposal) == true && json.stderr.isEmpty, "\(json)")
            let run = try await fixture.command("bulk", "create-clients", file)
            #expect(run.exit == .code(0) && run.stderr.contains(proposal), "\(run)")
        }
    }

    @Test func `what is no plain file, or not there, is refused with its cure`() async throws {
        try await WorkerFixture.with { fixture in
            let folder = fixture.programs.folder.path(percentEncoded: false)
            let pipe = "\(folder)/pipe"
            #expect(mkfifo(pipe, 0o600) == 0)
            for (path, cure) in [
                (folder, "name the CSV file inside it"), ("\(folder)/none.csv", "check the path"),
                (pipe, "save the data to a file first"), ("/dev/null", "save the data to a file first"),
            ] {
                expectFailure(try await fixture.command("bulk", "create-clients", path), 65, cure, path)
            }
            try await fixture.expectNothingBegun()
        }
    }

    @Test func `a file that may not be read is refused with its cure`() async throws {
        try await WorkerFixture.with { fixture in
            let file = try fixture.programs.write("nom;siret\nA;\n", to: "closed.csv")
            chmod(file, 0)
            // Root may read everything, so it steps down for this one command.
            let command = getuid() == 0 ? ["/usr/bin/setpriv", "--reuid=65534", "--clear-groups"] : ["/usr/bin/env"]
            guard FileManager.default.isExecutableFile(atPath: command[0]) else {
                try Test.cancel("setpriv is not installed")
            }
            chmod(fixture.programs.folder.path(percentEncoded: false), 0o755)
            // The build may stand where only root gets to.
            let program = fixture.programs.folder.appending(path: "program")
            // Copied by a process of its own: a file that this one has written may still be open in a child that another
            // test starts at the same moment, and such a file cannot be run.
            let built = try fixture.programs.path("factpulse-worker")
            let copied = try await fixture.programs.run("/bin/cp", [built, program.path(percentEncoded: false)])
            #expect(copied.exit == .code(0))
            let ended = try await fixture.programs.run(
                command[0],
                command.dropFirst() + [
                    program.path(percentEncoded: false), "bulk", "create-clients", file, "--dry-run",
                ],
                environment: fixture.settings
            )
            expectFailure(ended, 65, "chmod u+r", file)
        }
    }

    /// The peak of a program's memory is measured by the parent that waits for it.
    private static let measured = """
        import resource, subprocess, sys
        code = subprocess.run(sys.argv[1:]).returncode
        print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
        sys.exit(code)
        """

    @Test(arguments: [("zeros", "CSV UTF-8"), ("letters", "line ends")])
    func `a line of gigabytes is refused without being kept in memory`(what: String, cure: String) async throws {
        try await WorkerFixture.with { fixture in
            let path = try fixture.programs.write("nom;siret\n", to: "\(what).csv")
            let file = try FileHandle(forWritingTo: URL(filePath: path))
            try file.seekToEnd()
            if what == "zeros" {
                // A hole costs no disk, however long it is.
                try file.truncate(atOffset: 2 << 30)
            } else {
                let block = Data(repeating: UInt8(ascii: "x"), count: 1 << 20)
                for _ in 0..<256 { try file.write(contentsOf: block) }
            }
            try file.close()
            let ended = try await fixture.programs.run(
                "/usr/bin/python3",
                ["-c", Self.measured, try fixture.programs.path("factpulse-worker"), "bulk", "create-clients", path],
                environment: fixture.settings
            )
            #expect(ended.exit == .code(65) && ended.stdout.isEmpty, "\(ended.stderr)")
            let lines = ended.stderr.split(separator: "\n")
            #expect(lines.count == 2 && lines[0].contains(cure), "\(ended.stderr)")
            let kilobytes = try #require(Int(lines.last ?? ""))
            #expect(kilobytes < 100 * 1_024, "peak of \(kilobytes) kB")
            try await fixture.expectNothingBegun()
        }
    }
}
