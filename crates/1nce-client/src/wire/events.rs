//! Events of both generations (FACTS §12): v1 an object of flat records without ids, v2 a bare array.

use domain::Iccid;

use super::{Fields, Unreadable, array, read_list};
use crate::model::{EventKind, EventPage, SimEvent};

pub(crate) fn read_event_page(body: &[u8], page_size: u32) -> Result<EventPage, Unreadable> {
    let records = array(body)?;
    let is_last = records.len() < page_size as usize;
    let (events, rejects) = read_list(records, read_event);
    let mut totals = Fields::parse(body).unwrap_or_default();
    Ok(EventPage {
        events,
        rejects,
        total: totals
            .integer("totalEvents")
            .and_then(|total| total.try_into().ok()),
        total_pages: totals
            .integer("totalPages")
            .and_then(|pages| pages.try_into().ok()),
        is_last,
    })
}

fn read_event(mut fields: Fields) -> Result<SimEvent, Unreadable> {
    let timestamp = fields
        .time("timestamp")
        .ok_or_else(|| Unreadable::new("no readable timestamp"))?;
    let kind = fields.inside("event_type", |kind| EventKind {
        id: kind.integer("id"),
        description: kind.text("description").unwrap_or_default(),
    });
    let kind = kind.unwrap_or_else(|| EventKind {
        id: None,
        description: fields.text("event_type").unwrap_or_default(),
    });
    let iccid = fields.parsed("iccid", Iccid::parse).or_else(|| {
        let sim = fields
            .peek("sim")
            .and_then(|mut sim| sim.parsed("iccid", Iccid::parse));
        sim.or_else(|| fields.peek("endpoint")?.parsed("name", Iccid::parse))
    });
    Ok(SimEvent {
        id: fields.integer("id"),
        timestamp,
        kind,
        iccid,
        alert: fields.boolean("alert"),
        severity: fields.described("event_severity").map(|word| word.to_lowercase()),
        source: fields.described("event_source"),
        description: fields.text("description"),
        detail: fields.any("detail"),
        extra: fields.extra(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn v1_events_have_words_and_totals_in_the_body() {
        let page = read_event_page(
            br#"{"events":[{"timestamp":"2018-05-07T14:08:05.000+0000","event_type":"Status changed",
                "iccid":"8988999000000000017","alert":false,"event_severity":"Info"},{"event_type":"x"}],
                "totalEvents":10,"totalPages":5}"#,
            2,
        )
        .unwrap();
        assert_eq!(
            (page.total, page.total_pages, page.rejects.len()),
            (Some(10), Some(5), 1)
        );
        assert!(!page.is_last, "a reject does not end the list");
        assert_eq!(page.events[0].kind.id, None);
        assert_eq!(page.events[0].severity.as_deref(), Some("info"));
    }

    #[test]
    fn v2_events_keep_an_unknown_type_and_a_detail_that_is_text() {
        let page = read_event_page(
            br#"[{"id":800000056,"timestamp":"2025-10-02T06:30:00.000Z","event_type":{"id":9999,"description":"New"},
                "event_severity":{"id":2,"description":"WARN"},"event_source":{"id":1,"description":"Policy Control"},
                "organisation":{"id":42,"name":"99000001"},"alert":true,"user":null,
                "sim":{"id":17,"iccid":"8988999000000000017"},"detail":"{volume: 500, expiry_date: 2034-02-11}"}]"#,
            1_000,
        )
        .unwrap();
        assert!(page.is_last);
        let event = &page.events[0];
        assert_eq!((event.id, event.kind.id), (Some(800_000_056), Some(9999)));
        assert_eq!(event.iccid.unwrap().to_string(), "8988999000000000017");
        assert!(
            event
                .detail
                .as_ref()
                .unwrap()
                .as_str()
                .unwrap()
                .contains("2034-02-11")
        );
        assert!(event.extra.contains_key("organisation"));
    }
}
