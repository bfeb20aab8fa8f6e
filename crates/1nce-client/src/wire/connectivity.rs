//! Connectivity of both generations (FACTS §6): `status` a word or an object, one session or an array of them.

use domain::{Iccid, Imei, Imsi};

use super::{Fields, Unreadable};
use crate::model::{
    Cell, Connectivity, ConnectivityInfo, Country, Location, Operator, PdpContext, RatType, SimConnectivity,
};

pub(crate) fn read_connectivity(mut fields: Fields) -> Result<SimConnectivity, Unreadable> {
    let status = fields
        .described("status")
        .ok_or_else(|| Unreadable::new("no status"))?;
    let mut pdp_contexts = fields.each("pdp_contexts", |context| {
        Some(read_pdp_context(std::mem::take(context)))
    });
    pdp_contexts.extend(fields.object("pdp_context").map(read_pdp_context));
    let services = fields.words("services");
    Ok(SimConnectivity {
        status: Connectivity::from_word(&status),
        data_limit_reached: fields.described_as("data_traffic_limit_state", |word| {
            match word.to_ascii_uppercase().as_str() {
                "REACHED" => Some(true),
                "NOT_REACHED" => Some(false),
                _ => None,
            }
        }),
        location: fields.object("location").map(read_location),
        pdp_contexts,
        services,
        extra: fields.extra(),
    })
}

fn read_country(mut fields: Fields) -> Country {
    Country {
        id: fields.word("country_id").or_else(|| fields.word("id")),
        name: fields.word("name"),
        iso_code: fields.word("iso_code").or_else(|| fields.word("iso-code")),
        country_code: fields.word("country_code"),
        mcc: fields.word("mcc"),
        extra: fields.extra(),
    }
}

fn read_location(mut fields: Fields) -> Location {
    Location {
        iccid: fields.parsed("iccid", Iccid::parse),
        imsi: fields.parsed("imsi", Imsi::parse),
        last_updated: fields.time("last_updated"),
        last_updated_gprs: fields.time("last_updated_gprs"),
        operator: fields.object("operator").map(|mut operator| Operator {
            id: operator.word("id"),
            name: operator.word("name"),
            mnc: operator.word("mnc"),
            country: operator.object("country").map(read_country),
            extra: operator.extra(),
        }),
        country: fields.object("country").map(read_country),
        extra: fields.extra(),
    }
}

fn read_pdp_context(mut fields: Fields) -> PdpContext {
    let rat = fields.inside("rat_type", |rat| RatType {
        id: rat.integer("rat_type_id"),
        description: rat.word("description"),
    });
    PdpContext {
        id: fields.word("pdp_context_id"),
        created: fields.time("created"),
        apn: fields.word("apn"),
        ue_ip_address: fields.word("ue_ip_address"),
        imeisv: fields.parsed("imeisv", Imei::parse),
        rat: rat.unwrap_or_default(),
        mcc: fields.word("mcc"),
        mnc: fields.word("mnc"),
        lac: fields.word("lac"),
        ci: fields.word("ci"),
        region: fields.word("region"),
        extra: fields.extra(),
    }
}

pub(crate) fn read_connectivity_info(mut fields: Fields) -> Result<ConnectivityInfo, Unreadable> {
    let mut info = ConnectivityInfo {
        requested_at: fields.time("request_timestamp"),
        replied_at: fields.time("reply_timestamp"),
        ..ConnectivityInfo::default()
    };
    fields.inside("subscriber_info", |subscriber| {
        info.subscriber_found = subscriber.boolean("success");
        info.state = subscriber.word("state");
        subscriber.inside("location", |location| {
            info.location_retrieved = location.boolean("current_location_retrieved");
            info.location_age_minutes = location.integer("age_of_location");
            info.cell = location.inside("cell_global_id", |cell| Cell {
                cid: cell.integer("cid"),
                lac: cell.integer("lac"),
                mcc: cell.word("mcc"),
                mnc: cell.word("mnc"),
            });
        });
    });
    fields.inside("ussd_info", |ussd| {
        info.ussd_success = ussd.boolean("success");
        info.ussd_error = ussd.word("error");
    });
    info.extra = fields.extra();
    Ok(info)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> SimConnectivity {
        read_connectivity(Fields::parse(json.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn both_status_shapes_and_both_session_shapes_mean_the_same() {
        let v1 = read(
            r#"{"status":"ONLINE","services":["GPRS"],
            "location":{"iccid":"8988999000000000017","last_updated":"2021-11-20 10:11:12",
              "operator":{"id":"2","name":"T","country":{"id":"74","iso-code":"de"}},"sgsn_number":"49"},
            "pdp_context":{"pdp_context_id":"1","rat_type":{"rat_type_id":"6","description":"4G"},"lac":"100"}}"#,
        );
        let v2 = read(
            r#"{"status":{"description":"ONLINE"},"data_traffic_limit_state":{"description":"REACHED"},"services":[],
            "location":{"iccid":"8988999000000000017","last_updated":"2021-11-20T10:11:12Z",
              "operator":{"id":2,"name":"T","mnc":"01","country":{"id":74,"iso_code":"de"}}},
            "pdp_contexts":[{"pdp_context_id":1,"rat_type":{"rat_type_id":6,"description":"4G"},"lac":100}]}"#,
        );
        assert_eq!(v1.status, v2.status);
        assert_eq!(v2.data_limit_reached, Some(true));
        let (left, right) = (v1.location.unwrap(), v2.location.unwrap());
        assert_eq!(left.last_updated, right.last_updated);
        assert_eq!(
            left.operator.as_ref().unwrap().id,
            right.operator.as_ref().unwrap().id
        );
        assert_eq!(left.operator.unwrap().country, right.operator.unwrap().country);
        assert_eq!(v1.pdp_contexts, v2.pdp_contexts);
        assert_eq!(left.extra["sgsn_number"], "49");
    }

    #[test]
    fn an_unknown_word_is_kept() {
        let read = read(
            r#"{"status":{"description":"Asleep"},"data_traffic_limit_state":{"description":"THROTTLED"}}"#,
        );
        assert_eq!(read.status, Connectivity::Unknown("Asleep".into()));
        assert_eq!(read.data_limit_reached, None);
        assert_eq!(
            read.extra["data_traffic_limit_state"],
            serde_json::json!({"description": "THROTTLED"})
        );
    }
}
