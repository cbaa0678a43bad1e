# The policies: only the rule or the topic may send events, and a role may receive them.

locals {
  senders = {
    events       = var.with_topic ? { "sns.amazonaws.com" = local.topic_arn } : { "events.amazonaws.com" = aws_cloudwatch_event_rule.events.arn }
    dead_letters = merge({ "events.amazonaws.com" = aws_cloudwatch_event_rule.events.arn }, var.with_topic ? { "sns.amazonaws.com" = local.topic_arn } : {})
  }
  queues = {
    events       = aws_sqs_queue.events
    dead_letters = aws_sqs_queue.dead_letters
  }
}

data "aws_iam_policy_document" "queue" {
  for_each = local.queues

  dynamic "statement" {
    for_each = local.senders[each.key]

    content {
      actions   = ["sqs:SendMessage"]
      resources = [each.value.arn]

      principals {
        type        = "Service"
        identifiers = [statement.key]
      }
      condition {
        test     = "ArnEquals"
        variable = "aws:SourceArn"
        values   = [statement.value]
      }
    }
  }

  statement {
    sid       = "OnlyTLS"
    effect    = "Deny"
    actions   = ["sqs:*"]
    resources = [each.value.arn]

    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_sqs_queue_policy" "queue" {
  for_each = local.queues

  queue_url = each.value.url
  policy    = data.aws_iam_policy_document.queue[each.key].json
}

data "aws_iam_policy_document" "relay" {
  statement {
    sid       = "Receive"
    actions   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"]
    resources = [aws_sqs_queue.events.arn]
  }
}

resource "aws_iam_policy" "relay" {
  name_prefix = "${var.name}-"
  description = "What typedsecret-relay, or another receiver, may do with the queue"
  policy      = data.aws_iam_policy_document.relay.json
  tags        = var.tags
}
