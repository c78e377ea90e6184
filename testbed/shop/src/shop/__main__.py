from shop.main import main

main()
