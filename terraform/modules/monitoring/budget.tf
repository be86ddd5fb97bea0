# Says when the month gets dearer than expected. It switches nothing off.
locals {
  budgets = var.billing_account == null ? [] : [var.billing_account]
}

data "google_project" "billed" {
  count = length(local.budgets)

  project_id = var.project_id
}

resource "google_billing_budget" "month" {
  count = length(local.budgets)

  billing_account = local.budgets[0]
  display_name    = "${var.project_id}: month"

  budget_filter {
    projects = ["projects/${data.google_project.billed[0].number}"]
  }

  amount {
    specified_amount {
      units = tostring(var.budget_amount) # in the currency of the account
    }
  }

  dynamic "threshold_rules" {
    for_each = [0.5, 0.9, 1]

    content {
      threshold_percent = threshold_rules.value
    }
  }

  threshold_rules {
    threshold_percent = 1
    spend_basis       = "FORECASTED_SPEND"
  }

  all_updates_rule {
    monitoring_notification_channels = slice(local.channels, 0, min(5, length(local.channels))) # the API takes no more
  }
}
