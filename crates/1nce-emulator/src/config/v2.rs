//! What v2 offers besides the operations of its published file.

use serde::{Deserialize, Serialize};

/// Paths of v2 that accounts may have or lack. The first five are documented on pages only (FACTS-2026-11 U2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct V2Paths {
    /// `POST /v2/sims/simTransfer`.
    pub sim_transfer: bool,
    /// `POST /v2/sims/extension`.
    pub extension: bool,
    /// `POST /v2/sims/topup`.
    pub bulk_topup: bool,
    /// `POST /v2/sims/autoTopup`.
    pub auto_topup: bool,
    /// `GET /v2/sims/{iccid}/connectivity_info`.
    pub connectivity_info: bool,
    /// `POST /v2/sims`: no public page shows it.
    pub bulk_update: bool,
    /// `GET` and `POST /v2/sims/limits`, `GET /v2/sims/{service}/limits`: no public page shows them.
    pub limits: bool,
}

impl Default for V2Paths {
    fn default() -> Self {
        Self {
            sim_transfer: true,
            extension: true,
            bulk_topup: true,
            auto_topup: true,
            connectivity_info: true,
            bulk_update: false,
            limits: false,
        }
    }
}

/// Body of `GET /v2/sims/{iccid}/usage`, whose real one is unknown (FACTS-2026-11 U2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UsageShape {
    /// As v1: `stats`, decimal texts, newest day first, `TOTAL` at the end.
    #[default]
    V1,
    /// A guess after v2's other bodies: a bare array of days, oldest first, with `volume {tx, rx, total}` as numbers,
    /// and `tx` as the Data Streamer means it: what the device sent.
    Daily,
}
