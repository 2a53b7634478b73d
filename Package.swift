// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "factpulse-worker",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "factpulse-worker", targets: ["FactPulseWorker"]),
        .executable(name: "factpulse-sandbox", targets: ["FactPulseSandbox"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.5.0"),
        .package(url: "https://github.com/apple/swift-configuration.git", from: "1.0.0"),
        .package(url: "https://github.com/apple/swift-crypto.git", from: "4.0.0"),
        .package(url: "https://github.com/apple/swift-http-types.git", from: "1.3.0"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-metrics.git", from: "2.5.0"),
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.80.0"),
        .package(url: "https://github.com/swift-server/async-http-client.git", from: "1.24.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.6.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird.git", from: "2.5.0"),
        .package(url: "https://github.com/jpsim/Yams.git", from: "6.2.0"),
    ],
    targets: [
        // Floor 0
        .systemLibrary(
            name: "CLibpq",
            pkgConfig: "libpq",
            providers: [.apt(["libpq-dev"]), .yum(["libpq-devel"]), .brew(["libpq"])]
        ),
        .target(name: "Migrations", path: "migrations", resources: [.embedInCode("sql")]),

        // Floor 1
        .target(
            name: "Postgres",
            dependencies: ["CLibpq", .product(name: "Logging", package: "swift-log")]
        ),
        .target(
            name: "FactPulse",
            dependencies: [
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ]
        ),

        // Floor 2
        .target(
            name: "JobQueue",
            dependencies: [
                "Postgres",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ]
        ),
        .target(
            name: "KeyVault",
            dependencies: [
                "Postgres",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Logging", package: "swift-log"),
            ]
        ),

        // Floor 3
        .target(
            name: "Jobs",
            dependencies: [
                "FactPulse", "JobQueue", "KeyVault", "Postgres",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "jobs",
            resources: [.embedInCode("schedules.yaml")]
        ),
        .target(
            name: "Sandbox",
            dependencies: [
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
            ]
        ),

        // Floor 4
        .executableTarget(
            name: "FactPulseWorker",
            dependencies: [
                "FactPulse", "JobQueue", "Jobs", "KeyVault", "Migrations", "Postgres",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
                .product(name: "Yams", package: "Yams"),
            ]
        ),
        .executableTarget(
            name: "FactPulseSandbox",
            dependencies: [
                "Sandbox",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]
        ),
        // The measuring half of scripts/bench; never installed.
        .executableTarget(
            name: "QueueBenchmark",
            dependencies: [
                "JobQueue", "Migrations", "Postgres",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ]
        ),

        // Tests
        .target(
            name: "TestSupport",
            dependencies: [
                "CLibpq", "Migrations", "Postgres", "Sandbox", .product(name: "Logging", package: "swift-log"),
            ],
            path: "Tests/TestSupport"
        ),
        .testTarget(name: "PostgresTests", dependencies: ["CLibpq", "Migrations", "Postgres", "TestSupport"]),
        .testTarget(
            name: "FactPulseTests",
            dependencies: ["FactPulse", "Sandbox", "TestSupport", .product(name: "Logging", package: "swift-log")]
        ),
        .testTarget(
            name: "JobQueueTests",
            dependencies: [
                "JobQueue", "Postgres", "Sandbox", "TestSupport",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            exclude: ["Schedule/croniter_next.py"]
        ),
        .testTarget(
            name: "KeyVaultTests",
            dependencies: [
                "KeyVault", "Postgres", "Sandbox", "TestSupport",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Logging", package: "swift-log"),
            ]
        ),
        .testTarget(
            name: "JobsTests",
            dependencies: [
                "FactPulse", "JobQueue", "Jobs", "KeyVault", "Postgres", "Sandbox", "TestSupport",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ]
        ),
        .testTarget(
            name: "SandboxTests",
            dependencies: [
                "FactPulseSandbox", "Sandbox", "TestSupport",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            exclude: ["official_client.py"]
        ),
        .testTarget(
            name: "WorkerTests",
            // The two programs are dependencies so that `swift test` builds what these tests start and kill.
            dependencies: [
                "FactPulse", "FactPulseSandbox", "FactPulseWorker", "JobQueue", "KeyVault", "Postgres", "Sandbox",
                "TestSupport",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Logging", package: "swift-log"),
            ],
            exclude: ["official_list.py"]
        ),
    ],
    swiftLanguageModes: [.v6]
)

for target in package.targets where target.type != .system {
    target.swiftSettings =
        (target.swiftSettings ?? []) + [
            // `any` is written where a value is boxed: SE-0335.
            .enableUpcomingFeature("ExistentialAny"),
            // A file sees only what it imports itself: SE-0444.
            .enableUpcomingFeature("MemberImportVisibility"),
            // An async function stays where its caller runs, which saves thread hops: SE-0461.
            .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
            .treatAllWarnings(as: .error),
        ]
}
