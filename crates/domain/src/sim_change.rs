use crate::{Imei, ProviderSim, SimStatus};

/// A difference between two readings of one SIM that other systems are told about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SimChange {
    /// The status is another one.
    Status {
        /// Before.
        from: SimStatus,
        /// Now.
        to: SimStatus,
    },
    /// Label or IMEI lock is another one; the names of the changed fields.
    Config {
        /// `label`, `imei_lock`.
        fields: Vec<&'static str>,
    },
    /// The SIM sits in another device.
    Imei {
        /// The device before, if one was known.
        from: Option<Imei>,
        /// The device now.
        to: Imei,
    },
}

/// What to announce when `new` replaces `old`.
///
/// The single read and the list use different words for one status (FACTS §5), so mapped statuses are compared.
/// A device is its first 14 digits: a new software version is no new device. The first device ever seen, and a
/// reading that leaves the device out, are no change of device; see [`ProviderSim::keep_device`].
pub fn sim_changes(old: &ProviderSim, new: &ProviderSim) -> Vec<SimChange> {
    let mut changes = Vec::new();
    if old.status != new.status {
        changes.push(SimChange::Status {
            from: old.status,
            to: new.status,
        });
    }
    let mut fields = Vec::new();
    if old.label != new.label {
        fields.push("label");
    }
    if old.imei_lock != new.imei_lock {
        fields.push("imei_lock");
    }
    if !fields.is_empty() {
        changes.push(SimChange::Config { fields });
    }
    if let (Some(from), Some(to)) = (&old.imei, &new.imei)
        && from.device() != to.device()
    {
        changes.push(SimChange::Imei {
            from: Some(from.clone()),
            to: to.clone(),
        });
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Iccid;

    fn sim() -> ProviderSim {
        let mut sim = ProviderSim::bare(Iccid::parse("8988999000000000017").unwrap(), "Enabled");
        sim.imei = Some(Imei::parse("3500000000000101").unwrap());
        sim.label = Some("pump-17".into());
        sim
    }

    #[test]
    fn the_same_reading_twice_is_no_change() {
        assert_eq!(sim_changes(&sim(), &sim()), vec![]);
    }

    #[test]
    fn another_word_for_the_same_status_is_no_change() {
        let mut new = sim();
        new.provider_status = "Activated".into();
        assert_eq!(sim_changes(&sim(), &new), vec![]);
    }

    #[test]
    fn a_new_software_version_is_no_new_device_but_a_new_serial_is() {
        let mut new = sim();
        new.imei = Some(Imei::parse("3500000000000102").unwrap());
        assert_eq!(sim_changes(&sim(), &new), vec![]);
        new.imei = Some(Imei::parse("3500000000000201").unwrap());
        assert!(matches!(sim_changes(&sim(), &new)[..], [SimChange::Imei { .. }]));
    }

    #[test]
    fn label_and_lock_are_one_configuration_change() {
        let mut new = sim();
        new.label = None;
        new.imei_lock = Some(true);
        assert_eq!(
            sim_changes(&sim(), &new),
            vec![SimChange::Config {
                fields: vec!["label", "imei_lock"]
            }]
        );
    }
}
