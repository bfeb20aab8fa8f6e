//! What `make up` says at its end.

use super::env_file::quoted;
use super::installation::StreamerLogin;

/// What is told.
pub struct Farewell<'a> {
    /// Where the REST API is.
    pub simward_url: &'a str,
    /// The administrator's key.
    pub admin_key: &'a str,
    /// Where the Data Streamer posts to.
    pub receiver_url: &'a str,
    /// Its login.
    pub login: &'a StreamerLogin,
    /// A made-up record is nothing for a fleet that is real.
    pub is_emulated: bool,
}

impl Farewell<'_> {
    /// The whole text.
    pub fn text(&self) -> String {
        let Self {
            simward_url,
            admin_key,
            receiver_url,
            ..
        } = self;
        let usage = if self.is_emulated {
            self.usage()
        } else {
            String::new()
        };
        format!(
            r#"
Simward runs at   {simward_url}    (documentation: {simward_url}/docs)
admin API key     {admin_key}
Data Streamer     {receiver_url}
addresses         .local/dev.env

Try:
  curl -H "X-API-Key: {admin_key}" "{simward_url}/api/v1/sims?page_size=3"
  curl -H "X-API-Key: {admin_key}" "{simward_url}/api/v1/sync/status"
  make events
{usage}"#
        )
    }

    /// One usage record as 1NCE posts it, and what became of it.
    fn usage(&self) -> String {
        let Self {
            simward_url,
            admin_key,
            receiver_url,
            login,
            ..
        } = self;
        let iccid = "8988280666000000001";
        let login = quoted(&format!("{}:{}", login.user, login.password));
        format!(
            r#"  curl -u {login} -H "Content-Type: application/json" "{receiver_url}" -d '[{{
    "id":'$(date +%s)',"start_timestamp":"'$(date -u +%FT%TZ)'","end_timestamp":"'$(date -u +%FT%TZ)'",
    "imsi":"901405100000001","imsi_id":1,"organisation":{{"id":42,"name":"99000001"}},
    "sim":{{"id":1,"iccid":"{iccid}","msisdn":"882285100000001"}},
    "endpoint":{{"id":1,"name":"{iccid}","ip_address":"100.64.0.1","imei":"3500000000000101"}},
    "operator":{{"id":2,"name":"Example Mobile","mnc":"01","country":{{"id":74,"mcc":"262","name":"Germany"}}}},
    "tariff":{{"id":1,"name":"Flat","ratezone":{{"id":1,"name":"RZ1"}}}},
    "traffic_type":{{"id":5,"description":"Data"}},"volume":{{"total":0.25,"tx":0.2,"rx":0.05}},
    "detail":{{"pdp_context":{{"rat_type":6,"ipcan_session_id":"0b0e5a52-0000-4000-8000-000000000001"}}}}}}]'
  curl -H "X-API-Key: {admin_key}" "{simward_url}/api/v1/sims/{iccid}/usage?granularity=hourly&start_date=$(date -u +%F)&end_date=$(date -u +%F)"
"#
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(is_emulated: bool) -> String {
        let login = StreamerLogin {
            user: "1nce".to_owned(),
            password: "it's".to_owned(),
        };
        let farewell = Farewell {
            simward_url: "http://127.0.0.1:8080",
            admin_key: "sk_key",
            receiver_url: "http://127.0.0.1:8081/datastreamer/v1",
            login: &login,
            is_emulated,
        };
        farewell.text()
    }

    #[test]
    fn every_command_is_one_that_a_shell_can_run() {
        let text = text(true);
        let (_, commands) = text.split_once("Try:\n").unwrap();
        let checked = std::process::Command::new("bash")
            .args(["-n", "-c", commands])
            .output()
            .unwrap();
        assert!(
            checked.status.success(),
            "{}",
            String::from_utf8_lossy(&checked.stderr)
        );
        assert!(commands.contains(r"-u '1nce:it'\''s' "), "{commands}");
    }

    #[test]
    fn a_real_fleet_is_offered_no_made_up_record() {
        assert!(!text(false).contains("-d '"));
        assert!(text(false).ends_with("make events\n"));
    }
}
