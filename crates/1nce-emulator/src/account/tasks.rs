//! Work that happens after the answer: queued updates and resets, payments, deliveries, automatic top-ups.

use super::Account;
use super::changes::SimUpdate;
use super::orders::{COMPLETED, IN_PREPARATION, OrderKind};
use crate::clock::Millis;
use crate::config::{PaymentOutcome, Settings};
use crate::fleet::SimIndex;

const HOUR: Millis = 3_600_000;
const TICK: Millis = 4 * HOUR;

/// One queued change.
#[derive(Debug, Clone)]
pub enum Task {
    /// A `POST /v1/sims` item, or a late `PUT`.
    Update(SimIndex, SimUpdate),
    /// A connectivity reset.
    Reset(SimIndex),
    /// The payment of an order arrives, or its parcel.
    Completed(u64),
    /// The payment of an order fails, and the order gets this status.
    Failed(u64, &'static str),
    /// An SMS reaches its device, or fails.
    SmsFinal(SimIndex, i64),
}

impl Account {
    pub(super) fn run_tasks(&mut self, until: Millis, settings: &Settings) {
        while let Some(entry) = self.tasks.first_entry() {
            if entry.key().0 > until {
                break;
            }
            let ((due, _), task) = entry.remove_entry();
            self.run(task, due, settings);
        }
    }

    fn run(&mut self, task: Task, at: Millis, settings: &Settings) {
        match task {
            Task::Update(sim, update) if self.fleet.contains(sim) => {
                self.carried_out += 1;
                self.update(sim, &update, at, settings);
            }
            Task::Reset(sim) if self.fleet.contains(sim) => {
                self.carried_out += 1;
                self.reset(sim, at, settings);
            }
            Task::Completed(order) => self.complete(order, at, settings),
            Task::Failed(order, status) => self.fail(order, status),
            Task::SmsFinal(sim, id) if self.fleet.contains(sim) => self.settle_message(sim, id, at),
            Task::Update(..) | Task::Reset(_) | Task::SmsFinal(..) => {}
        }
    }

    /// An order is completed at most once, and never after it was cancelled.
    pub fn complete(&mut self, number: u64, at: Millis, settings: &Settings) {
        let Some(order) = self
            .orders
            .get_mut(&number)
            .filter(|order| order.status == IN_PREPARATION)
        else {
            return;
        };
        order.status = COMPLETED.to_owned();
        let kind = order.kind;
        let cards = order.cards();
        let sims = order
            .sims
            .clone()
            .into_iter()
            .filter(|sim| self.fleet.contains(*sim))
            .collect::<Vec<_>>();
        match kind {
            OrderKind::Topup | OrderKind::BulkTopup => {
                for sim in sims {
                    self.top_up(sim, at);
                }
            }
            OrderKind::TariffChange => {
                for sim in sims {
                    self.extend(sim, at, settings);
                }
            }
            OrderKind::Additional => {
                self.fleet
                    .add(u32::try_from(cards).unwrap_or_default().min(10_000), None);
            }
            OrderKind::First => {}
        }
    }

    /// Only an order that was not completed yet can fail.
    fn fail(&mut self, number: u64, status: &str) {
        let order = self.orders.get_mut(&number);
        if let Some(order) = order.filter(|order| order.status == IN_PREPARATION) {
            order.status = status.to_owned();
        }
    }

    /// Whether a change of the SIM is accepted and not yet carried out.
    pub fn is_busy(&self, sim: SimIndex) -> bool {
        let changes =
            |task: &Task| matches!(task, Task::Update(other, _) | Task::Reset(other) if *other == sim);
        self.tasks.values().any(changes)
    }

    /// 1NCE looks every four hours, at 00, 04, … CET, and buys for SIMs at a fifth or less (FACTS §9).
    pub(super) fn run_auto_topups(&mut self, now: Millis, settings: &Settings) {
        loop {
            let next = ((self.last_tick + HOUR).div_euclid(TICK) + 1) * TICK - HOUR;
            if next > now {
                return;
            }
            self.last_tick = next;
            if self.auto_topup.is_empty() {
                let behind = (now + HOUR).div_euclid(TICK) * TICK - HOUR;
                self.last_tick = self.last_tick.max(behind);
                continue;
            }
            self.run_tasks(next, settings);
            let refused = settings.payment_outcomes.creditcard == PaymentOutcome::Refused;
            for sim in self.auto_topup.clone() {
                if !refused && self.needs_topup(sim, next) {
                    self.order_topup(vec![sim], OrderKind::Topup, "creditcard", next, settings);
                }
            }
        }
    }

    fn needs_topup(&self, sim: SimIndex, at: Millis) -> bool {
        use super::delta::Service;
        let view = self.view(sim, at);
        let low = view.quota(Service::Data).level() > 0 || view.quota(Service::Sms).level() > 0;
        let paying = |order: &super::orders::Order| {
            order.status == IN_PREPARATION && order.kind.is_topup() && order.sims.contains(&sim)
        };
        low && self.fleet.contains(sim) && !view.expired() && !self.orders.values().any(paying)
    }
}
