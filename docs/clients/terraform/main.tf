# A function with an alias, a URL, a queue that feeds it, and a log group, by Terraform's AWS provider.
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

provider "aws" {
  region                      = "us-east-1"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  s3_use_path_style           = true
  # the endpoint of every service comes from AWS_ENDPOINT_URL
}

variable "zip" {
  type    = string
  default = "hello.zip"
}

variable "memory" {
  type    = number
  default = 256
}

resource "aws_iam_role" "hello" {
  name = "hello"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "lambda.amazonaws.com" }
    }]
  })
}

resource "aws_lambda_layer_version" "extra" {
  layer_name          = "extra"
  filename            = var.zip
  compatible_runtimes = ["python3.13"]
}

resource "aws_lambda_function" "hello" {
  function_name    = "hello-terraform"
  role             = aws_iam_role.hello.arn
  runtime          = "python3.13"
  handler          = "app.handler"
  filename         = var.zip
  source_code_hash = filebase64sha256(var.zip)
  memory_size      = var.memory
  timeout          = 10
  publish          = true
  layers           = [aws_lambda_layer_version.extra.arn]
  environment {
    variables = { MODE = "fast" }
  }
  tags = { team = "a" }
}

resource "aws_lambda_alias" "live" {
  name             = "live"
  function_name    = aws_lambda_function.hello.function_name
  function_version = aws_lambda_function.hello.version
}

resource "aws_lambda_function_url" "hello" {
  function_name      = aws_lambda_function.hello.function_name
  qualifier          = aws_lambda_alias.live.name
  authorization_type = "NONE"
}

resource "aws_lambda_permission" "s3" {
  statement_id  = "s3"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.hello.function_name
  principal     = "s3.amazonaws.com"
}

resource "aws_lambda_function_event_invoke_config" "hello" {
  function_name                = aws_lambda_function.hello.function_name
  maximum_retry_attempts       = 1
  maximum_event_age_in_seconds = 600
}

resource "aws_sqs_queue" "work" {
  name                       = "work"
  visibility_timeout_seconds = 60
}

resource "aws_lambda_event_source_mapping" "work" {
  event_source_arn = aws_sqs_queue.work.arn
  function_name    = aws_lambda_function.hello.arn
  batch_size       = 5
}

resource "aws_cloudwatch_log_group" "hello" {
  name              = "/aws/lambda/hello-terraform"
  retention_in_days = 14
}

output "url" {
  value = aws_lambda_function_url.hello.function_url
}
