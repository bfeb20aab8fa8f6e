use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use domain::{Iccid, ListStatus, OrganizationId};
use messages::pb::sim::SimFilter;
use serde_json::{Map, Value};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};

use crate::app::jobs::{BulkChange, JobTask, NewJob, Selection};
use crate::app::update_sim::UpdateSim;
use crate::app::{Gateway, RequestContext};
use crate::error::ApiError;
use crate::rest::frame::faults::Faults;
use crate::rest::frame::fields::{Field, Flag, Inner, List, OneOf, Word, words};
use crate::rest::frame::{Check, fields};
use crate::rest::sims::body::{Label, Metadata, SettableStatus, Tag, Tags};
use crate::rest::sims::params::Search;
use crate::rest::sims::receiver;

/// SIMs that one request names.
type Sims = List<Iccid, 1, 10_000>;

const ONE_SELECTION: &str = "has exactly one of sims, tag and filter";

words! {
    /// How 1NCE is paid.
    pub enum PaymentMethod as "PaymentMethod" {
        BankTransfer = "banktransfer", CreditCard = "creditcard", MonthlyInvoice = "monthlyinvoice", Boleto = "boleto",
    }
}

/// A number that 1NCE gave to something of this kind.
fn number_of_1nce() -> RefOr<Schema> {
    let format = SchemaFormat::KnownFormat(KnownFormat::Int64);
    let number = ObjectBuilder::new().schema_type(Type::Integer);
    Schema::from(number.format(Some(format)).minimum(Some(1))).into()
}

/// A 1NCE organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CustomerNumber(i64);

impl Field for CustomerNumber {
    fn rule() -> Cow<'static, str> {
        "is the customer number of a 1NCE organisation; left out, it is the parent".into()
    }

    fn schema() -> RefOr<Schema> {
        number_of_1nce()
    }

    fn read(value: &Value) -> Option<Self> {
        value.as_i64().filter(|number| *number > 0).map(Self)
    }
}

/// Something that 1NCE sells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProductId(i64);

impl Field for ProductId {
    fn rule() -> Cow<'static, str> {
        "is the id of a product".into()
    }

    fn schema() -> RefOr<Schema> {
        number_of_1nce()
    }

    fn read(value: &Value) -> Option<Self> {
        value.as_i64().filter(|id| *id > 0).map(Self)
    }
}

fields! {
    /// As in the list of SIMs.
    pub struct SimFilterBody {
        status: Option<Word<ListStatus>> = "Enabled",
        tag: Option<Tag> = "north",
        search: Option<Search>,
    }
}

impl From<SimFilterBody> for SimFilter {
    fn from(body: SimFilterBody) -> Self {
        Self {
            status: body.status.map_or("", |word| word.0.word()).to_owned(),
            tag: body.tag.map(|tag| tag.0).unwrap_or_default(),
            search: body.search.map(|search| search.0).unwrap_or_default(),
        }
    }
}

fields! {
    /// At least one field; what is left out stays as it is.
    pub struct BulkChangeBody: change {
        /// Without control characters; empty removes it.
        label: Option<Label>,
        imei_lock: Option<Flag> = true,
        status: Option<Word<SettableStatus>>,
        /// Replace the stored ones; none blank, none with control characters.
        tags: Option<Tags>,
        add_tags: Option<Tags<1>> = ["locked"],
        remove_tags: Option<Tags<1>>,
        /// Replaces the stored object; at most 16 KiB.
        metadata: Option<Metadata>,
        /// Gives the SIMs to another organization; for keys of the whole platform.
        organization_id: Option<OrganizationId>,
    }
}

impl From<BulkChangeBody> for BulkChange {
    fn from(body: BulkChangeBody) -> Self {
        Self {
            fields: UpdateSim {
                label: body.label.map(|label| label.0),
                imei_lock: body.imei_lock.map(|flag| flag.0),
                status: body.status.map(|word| word.0.into()),
                tags: body.tags.map(|tags| tags.0),
                metadata: body.metadata.map(|metadata| metadata.0),
                organization_id: body.organization_id,
            },
            add_tags: body.add_tags.map(|tags| tags.0).unwrap_or_default(),
            remove_tags: body.remove_tags.map(|tags| tags.0).unwrap_or_default(),
        }
    }
}

fields! {
    /// Exactly one of `sims`, `tag` and `filter`.
    pub struct UpdateSimsBody {
        sims: Option<Sims>,
        tag: Option<Tag>,
        filter: Option<Inner<SimFilterBody>> = SimFilterBody::example(),
        /// An empty filter means every SIM, and must say so.
        all: Flag,
        change: Inner<BulkChangeBody> = BulkChangeBody::example(),
        /// Only tell what would change.
        dry_run: Flag = true,
    }
}

impl TryFrom<UpdateSimsBody> for NewJob {
    type Error = ApiError;

    fn try_from(body: UpdateSimsBody) -> Result<Self, ApiError> {
        Ok(Self {
            selection: selection(body.sims, body.tag, body.filter)?,
            task: JobTask::Change(Box::new(body.change.0.into())),
            dry_run: body.dry_run.0,
        })
    }
}

impl Check for UpdateSimsBody {
    async fn check(
        sent: &Map<String, Value>,
        gateway: &Arc<Gateway>,
        context: &RequestContext,
        faults: &mut Faults,
    ) -> Result<(), ApiError> {
        check_selection(sent, faults);
        let change = sent.get("change");
        let of_change = |name| change.and_then(|change| change.get(name));
        let tags = |name| of_change(name).and_then(Value::as_array);
        if let (Some(added), Some(removed)) = (tags("add_tags"), tags("remove_tags"))
            && removed.iter().any(|tag| added.contains(tag))
        {
            faults.add("change.remove_tags", "has a tag that add_tags has too");
        }
        let organization = of_change("organization_id");
        receiver::check(organization, "change.organization_id", gateway, context, faults).await
    }
}

fields! {
    /// Exactly one of `sims`, `tag` and `filter`.
    pub struct TransferSimsBody {
        sims: Option<Sims> = ["8988999000000000017"],
        tag: Option<Tag>,
        filter: Option<Inner<SimFilterBody>>,
        /// An empty filter means every SIM, and must say so.
        all: Flag,
        /// Customer number of the 1NCE organisation; left out, it is the parent.
        target_organisation: Option<CustomerNumber> = 4711,
        /// Only count the SIMs.
        dry_run: Flag,
    }
}

impl TryFrom<TransferSimsBody> for NewJob {
    type Error = ApiError;

    fn try_from(body: TransferSimsBody) -> Result<Self, ApiError> {
        Ok(Self {
            selection: selection(body.sims, body.tag, body.filter)?,
            task: JobTask::Transfer {
                target: body.target_organisation.map(|number| number.0.unsigned_abs()),
            },
            dry_run: body.dry_run.0,
        })
    }
}

impl Check for TransferSimsBody {
    async fn check(
        sent: &Map<String, Value>,
        _: &Arc<Gateway>,
        _: &RequestContext,
        faults: &mut Faults,
    ) -> Result<(), ApiError> {
        check_selection(sent, faults);
        Ok(())
    }
}

fields! {
    /// Exactly one of `sims`, `tag` and `filter`.
    pub struct ExtendSimsBody {
        sims: Option<Sims>,
        tag: Option<Tag> = "expiring",
        filter: Option<Inner<SimFilterBody>>,
        /// An empty filter means every SIM, and must say so.
        all: Flag,
        /// Of 1NCE's catalogue; left out, 1NCE decides.
        product_id: Option<ProductId>,
        payment_method: Option<Word<PaymentMethod>> = "creditcard",
        /// Only count the SIMs.
        dry_run: Flag,
    }
}

impl TryFrom<ExtendSimsBody> for NewJob {
    type Error = ApiError;

    fn try_from(body: ExtendSimsBody) -> Result<Self, ApiError> {
        let method = body.payment_method.map_or("", |word| word.0.word());
        Ok(Self {
            selection: selection(body.sims, body.tag, body.filter)?,
            task: JobTask::Extension {
                product: body.product_id.map(|id| id.0),
                payment_method: method.to_owned(),
            },
            dry_run: body.dry_run.0,
        })
    }
}

impl Check for ExtendSimsBody {
    async fn check(
        sent: &Map<String, Value>,
        _: &Arc<Gateway>,
        _: &RequestContext,
        faults: &mut Faults,
    ) -> Result<(), ApiError> {
        check_selection(sent, faults);
        Ok(())
    }
}

/// The one selection, as [`check_selection`] wants it.
fn selection(
    sims: Option<Sims>,
    tag: Option<Tag>,
    filter: Option<Inner<SimFilterBody>>,
) -> Result<Selection, ApiError> {
    match (sims, tag, filter) {
        (Some(sims), None, None) => {
            let mut known = HashSet::new();
            let each_once = sims.0.into_iter().filter(|iccid| known.insert(*iccid));
            Ok(Selection::Named(each_once.collect()))
        }
        (None, Some(Tag(tag)), None) => Ok(Selection::Filter(SimFilter {
            tag,
            ..SimFilter::default()
        })),
        (None, None, Some(filter)) => Ok(Selection::Filter(filter.0.into())),
        _ => Err(ApiError::field("body", ONE_SELECTION)),
    }
}

/// Every SIM is meant only by who says so.
fn check_selection(sent: &Map<String, Value>, faults: &mut Faults) {
    let ways = ["sims", "tag", "filter"];
    let is_one = ways.iter().filter(|way| sent.contains_key(**way)).count() == 1;
    if !is_one {
        faults.add("body", ONE_SELECTION);
    }
    let filter = sent.get("filter").and_then(Value::as_object);
    let is_everything = is_one && filter.is_some_and(Map::is_empty);
    let all = sent.get("all") == Some(&Value::Bool(true));
    if all && !is_everything {
        faults.add("all", "goes with an empty filter only");
    }
    if is_everything && !all {
        faults.add(
            "filter",
            "is empty, which means every SIM and needs \"all\": true",
        );
    }
}
