//! Properties of a SIM as pure functions of (seed, index), so that a million SIMs need no storage.

use super::SimIndex;
use crate::clock::Millis;

/// Numbers reserved for each customer; also the size of the address range 100.64.0.0/10.
pub const SLOT_SIZE: u32 = 4_000_000;
/// Customers that fit into nine digits of an ICCID.
pub const MAX_CUSTOMERS: u32 = 250;

/// The range the OpenAPI files use in their examples; the numbers belong to nobody.
const ICCID_PREFIX: &str = "8988280666";
const MICRO: i64 = 1_000_000;
/// Standard flat rate: 500 MB and 250 SMS (FACTS §8).
pub const DATA_GRANT: i64 = 500 * MICRO;
/// SMS of the standard flat rate, in millionths.
pub const SMS_GRANT: i64 = 250 * MICRO;
/// The most a SIM overdraws its data quota: v2 shows it as a negative volume (FACTS §8).
pub const OVERDRAFT: i64 = 20_000;

/// What a SIM does on the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Connectivity {
    /// Not reachable.
    Offline,
    /// Attached once and not yet reported away.
    Attached,
    /// With an open data session.
    Online,
}

/// A country and operator SIMs roam in.
#[derive(Debug)]
pub struct Operator {
    pub id: u32,
    pub name: &'static str,
    pub country_id: u32,
    pub country: &'static str,
    pub iso: &'static str,
    pub prefix: &'static str,
    pub mcc: &'static str,
    pub mnc: &'static str,
    pub latitude: &'static str,
    pub longitude: &'static str,
}

const OPERATORS: [Operator; 4] = [
    Operator {
        id: 2,
        name: "Example Mobile",
        country_id: 74,
        country: "Germany",
        iso: "de",
        prefix: "49",
        mcc: "262",
        mnc: "01",
        latitude: "51",
        longitude: "9",
    },
    Operator {
        id: 17,
        name: "Mobile Exemple",
        country_id: 68,
        country: "France",
        iso: "fr",
        prefix: "33",
        mcc: "208",
        mnc: "10",
        latitude: "46",
        longitude: "2",
    },
    Operator {
        id: 29,
        name: "Operador Ejemplo",
        country_id: 195,
        country: "Spain",
        iso: "es",
        prefix: "34",
        mcc: "214",
        mnc: "07",
        latitude: "40",
        longitude: "-4",
    },
    Operator {
        id: 41,
        name: "Voorbeeld Mobiel",
        country_id: 148,
        country: "Netherlands",
        iso: "nl",
        prefix: "31",
        mcc: "204",
        mnc: "04",
        latitude: "52",
        longitude: "5",
    },
];

/// Radio access: name as in the v1 enum, id as in events (FACTS §6).
const RATS: [(&str, u32); 5] = [("4G", 6), ("NB-IoT", 8), ("4G", 9), ("3G", 1), ("2G", 2)];
/// HSPA+.
const FASTER_3G: (&str, u32) = ("3G", 5);
/// NR: an assumed number, as no page of 1NCE prints it (FACTS-2026-11 U6.2).
const FASTER_4G: (&str, u32) = ("5G", 10);

/// The 19-digit ICCID of a SIM.
pub fn iccid(sim: SimIndex) -> String {
    format!("{ICCID_PREFIX}{sim:09}")
}

/// The SIM a 19-digit ICCID could belong to; 20 digits are not understood, as at 1NCE.
pub fn sim_of(iccid: &str) -> Option<SimIndex> {
    let digits = iccid.strip_prefix(ICCID_PREFIX)?;
    let plain = digits.len() == 9 && digits.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

/// The fixed private address.
pub fn ip_address(sim: SimIndex) -> String {
    let n = sim % SLOT_SIZE;
    format!("100.{}.{}.{}", 64 + (n >> 16), (n >> 8) & 255, n & 255)
}

/// `901` (international), `40` (1NCE), then the number of the SIM.
pub fn imsi(sim: SimIndex) -> String {
    format!("90140{sim:010}")
}

/// Digits without `+`.
pub fn msisdn(sim: SimIndex) -> String {
    format!("882285{sim:09}")
}

/// IMEISV: 8 digits type, 6 digits device and 2 digits software version, all made up.
pub fn first_imei(sim: SimIndex) -> String {
    format!("35{sim:012}01")
}

/// Functions of the seed.
#[derive(Debug, Clone, Copy)]
pub struct Seeded {
    /// Same seed, same fleet.
    pub seed: u64,
}

impl Seeded {
    /// A well mixed number for (seed, SIM, salt).
    pub fn hash(self, sim: SimIndex, salt: u64) -> u64 {
        let mut x = self.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15)
            ^ u64::from(sim).wrapping_mul(0xBF58_476D_1CE4_E5B9)
            ^ salt.wrapping_mul(0x94D0_49BB_1331_11EB);
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^ (x >> 31)
    }

    /// 0 to 99.
    fn percent(self, sim: SimIndex, salt: u64) -> u64 {
        self.hash(sim, salt) % 100
    }

    /// Second IMSI of a multi-IMSI card: 6 % of SIMs.
    pub fn imsi_2(self, sim: SimIndex) -> Option<String> {
        (self.percent(sim, 1) < 6).then(|| format!("90143{sim:010}"))
    }

    /// All but 5 % attached at least once.
    pub fn ever_attached(self, sim: SimIndex) -> bool {
        self.percent(sim, 2) >= 5
    }

    /// Absent on SIMs that never attached.
    pub fn imei(self, sim: SimIndex) -> Option<String> {
        self.ever_attached(sim).then(|| first_imei(sim))
    }

    /// 5 % are locked to their device.
    pub fn imei_lock(self, sim: SimIndex) -> bool {
        self.ever_attached(sim) && self.percent(sim, 3) < 5
    }

    /// 90 % are enabled.
    pub fn enabled(self, sim: SimIndex) -> bool {
        self.percent(sim, 4) < 90
    }

    /// 70 % carry a label.
    pub fn label(self, sim: SimIndex) -> Option<String> {
        const KINDS: [&str; 4] = ["pump", "meter", "tracker", "sensor"];
        let kind = KINDS[(self.hash(sim, 6) % 4) as usize];
        (self.percent(sim, 5) < 70).then(|| format!("{kind}-{}", sim % SLOT_SIZE))
    }

    /// Between 2019 and 2025.
    pub fn activation_date(self, sim: SimIndex) -> Millis {
        const START: i64 = 1_546_300_800;
        const SPAN: u64 = 7 * 365 * 86_400;
        (START + (self.hash(sim, 7) % SPAN) as i64) * 1000
    }

    /// What the SIM does while it is enabled and nothing was changed.
    pub fn connectivity(self, sim: SimIndex) -> Connectivity {
        if !self.ever_attached(sim) {
            return Connectivity::Offline;
        }
        match self.percent(sim, 8) {
            0..25 => Connectivity::Offline,
            25..60 => Connectivity::Attached,
            _ => Connectivity::Online,
        }
    }

    /// Where it roams.
    pub fn operator(self, sim: SimIndex) -> &'static Operator {
        &OPERATORS[(self.hash(sim, 9) % 4) as usize]
    }

    /// Where it is on a day: on 5 % of the days in another network than usual.
    pub fn operator_on(self, sim: SimIndex, day: i64) -> &'static Operator {
        let roam = self.hash(sim, 2_000_000 + day as u64);
        let away = if roam % 100 < 5 { 1 + roam / 100 % 3 } else { 0 };
        &OPERATORS[((self.hash(sim, 9) % 4 + away) % 4) as usize]
    }

    /// Radio access name and id.
    pub fn rat(self, sim: SimIndex) -> (&'static str, u32) {
        let usual = RATS[(self.hash(sim, 10) % RATS.len() as u64) as usize];
        match (usual.1, self.percent(sim, 16)) {
            (1, 0..50) => FASTER_3G,
            (6, 0..10) => FASTER_4G,
            _ => usual,
        }
    }

    /// Millionths of a MB left when the emulator starts: 5 % of SIMs have none, 10 % under a fifth.
    pub fn data_left(self, sim: SimIndex) -> i64 {
        let fine = (self.hash(sim, 12) % 1_000_000) as i64;
        match self.percent(sim, 11) {
            0..5 => -(fine % OVERDRAFT),
            5..15 => DATA_GRANT / 100 + DATA_GRANT / 1000 * 180 * fine / MICRO,
            _ => DATA_GRANT / 4 + DATA_GRANT / 4 * 3 * fine / MICRO,
        }
    }

    /// Millionths of an SMS left when the emulator starts; always whole SMS.
    pub fn sms_left(self, sim: SimIndex) -> i64 {
        let some = (self.hash(sim, 14) % 190) as i64;
        match self.percent(sim, 13) {
            0..2 => 0,
            2..6 => (1 + some % 49) * MICRO,
            _ => (60 + some) * MICRO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_published_lengths_and_lead_back() {
        for sim in [0, 17, 999_999, 249 * SLOT_SIZE + 3_999_999] {
            assert_eq!(
                (iccid(sim).len(), imsi(sim).len(), first_imei(sim).len()),
                (19, 15, 16)
            );
            assert_eq!(sim_of(&iccid(sim)), Some(sim));
        }
        for bad in [
            "",
            "898828066600000001",
            "89882806660000000010",
            "8988280666 00000001",
            "8988280667000000000",
        ] {
            assert_eq!(sim_of(bad), None, "{bad}");
        }
        assert_eq!(ip_address(0), "100.64.0.0");
        assert_eq!(ip_address(SLOT_SIZE - 1), "100.125.8.255");
    }

    #[test]
    fn a_seed_is_a_fleet() {
        let (a, b) = (Seeded { seed: 1 }, Seeded { seed: 2 });
        let left = |s: Seeded| (0..500).map(|i| s.data_left(i)).collect::<Vec<_>>();
        assert_eq!(left(a), left(a));
        assert_ne!(left(a), left(b));
    }

    #[test]
    fn a_fleet_shows_every_state() {
        let s = Seeded { seed: 1 };
        let sims = 0..10_000u32;
        let share = |f: &dyn Fn(u32) -> bool| sims.clone().filter(|i| f(*i)).count();
        assert!((350..650).contains(&share(&|i| s.data_left(i) <= 0)));
        assert!((700..1300).contains(&share(&|i| (1..=DATA_GRANT / 5).contains(&s.data_left(i)))));
        assert!((8_700..9_300).contains(&share(&|i| s.enabled(i))));
        assert!(share(&|i| s.data_left(i) > DATA_GRANT) == 0);
        for state in [
            Connectivity::Offline,
            Connectivity::Attached,
            Connectivity::Online,
        ] {
            assert!(share(&|i| s.connectivity(i) == state) > 1000);
        }
    }
}
