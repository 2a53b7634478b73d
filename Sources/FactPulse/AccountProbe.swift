/// What `GET /api/v1/me` says. The vendor calls it a free-form object, so every member may be missing.
package struct AccountProbe: Sendable, Equatable {
    package var username: String?
    package var email: String?
    /// The plan's quota of calls, as far as the server tells.
    package var quotaLimit: Int?
    package var quotaUsed: Int?
    package var quotaRemaining: Int?
    package var plan: String?
}

extension AccountProbe: Decodable {
    private enum CodingKeys: String, CodingKey {
        case username, email, quotaInfo = "quota_info"
    }

    private enum QuotaKeys: String, CodingKey {
        case limit, usage, remaining, plan
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        // A member of another type than expected is as good as absent: the answer is there to be shown, not relied on.
        username = try? container.decodeIfPresent(String.self, forKey: .username)
        email = try? container.decodeIfPresent(String.self, forKey: .email)
        guard let quota = try? container.nestedContainer(keyedBy: QuotaKeys.self, forKey: .quotaInfo) else { return }
        quotaLimit = try? quota.decodeIfPresent(Int.self, forKey: .limit)
        quotaUsed = try? quota.decodeIfPresent(Int.self, forKey: .usage)
        quotaRemaining = try? quota.decodeIfPresent(Int.self, forKey: .remaining)
        plan = try? quota.decodeIfPresent(String.self, forKey: .plan)
    }
}
