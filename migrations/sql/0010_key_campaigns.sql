-- Campaigns that rotate the keys which are due: one at a time, whoever starts them.

CREATE TABLE factpulse.campaigns (
    id          bigint PRIMARY KEY,                   -- of the job rotate-due-keys
    started_at  timestamptz NOT NULL DEFAULT now(),
    ended_at    timestamptz
);
-- Two side by side would each begin with a canary, and each go on where the other has stopped.
CREATE UNIQUE INDEX campaigns_one_open ON factpulse.campaigns ((true)) WHERE ended_at IS NULL;

-- Those that are at work now open themselves again at their next step.
INSERT INTO factpulse.campaigns (id, ended_at) SELECT DISTINCT campaign, now() FROM factpulse.campaign_clients;
ALTER TABLE factpulse.campaign_clients ADD FOREIGN KEY (campaign) REFERENCES factpulse.campaigns (id);
